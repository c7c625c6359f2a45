#include "mailbox/link.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <asio.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <optional>

namespace homeward::mailbox {
namespace {

constexpr std::chrono::milliseconds kFirstRetry{50}, kLastRetry{1000};
/// Packets taken in before other work of the loop gets its turn.
constexpr unsigned kBatch = 64;

}  // namespace

class Link::Connection {
  public:
    Connection(asio::io_context& loop, std::filesystem::path socket, const ipc::Hello& hello, Apply& apply,
               Events events)
        : socket_(loop),
          retry_(loop),
          path_(std::move(socket)),
          hello_(hello),
          apply_(apply),
          events_(std::move(events)),
          buffer_(ipc::kMaxMessage + 1) {}

    void connect();
    bool connected() const noexcept { return socket_.is_open(); }

  private:
    void retry();
    void lose(const std::string& why);
    void say(const std::string& line);
    void wait_readable();
    void wait_writable();
    void read();
    bool take(wire::ByteView packet);
    void send(wire::Bytes packet);
    void flush();

    asio::posix::stream_descriptor socket_;
    asio::steady_timer retry_;
    std::filesystem::path path_;
    ipc::Hello hello_;
    Apply& apply_;
    Events events_;
    wire::Bytes buffer_;
    std::deque<wire::Bytes> unsent_;
    bool waiting_writable_ = false;
    std::optional<std::uint64_t> unacknowledged_;
    std::chrono::milliseconds back_off_ = kFirstRetry;
    std::string said_;
};

void Link::Connection::say(const std::string& line) {
    if (line != said_) {
        said_ = line;
        events_.log(line);
    }
}

void Link::Connection::connect() {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path_.native().copy(address.sun_path, sizeof address.sun_path - 1);
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) < 0) {
        const int error = errno;
        if (fd >= 0) {
            ::close(fd);
        }
        say(fmt::format("waiting for control at {}: {}", path_.native(), std::strerror(error)));
        retry();
        return;
    }
    socket_.assign(fd);
    say(fmt::format("connected to control at {}", path_.native()));
    send(hello_packet(hello_));
    if (connected()) {
        wait_readable();
    }
}

void Link::Connection::retry() {
    retry_.expires_after(back_off_);
    back_off_ = std::min(back_off_ * 2, kLastRetry);
    retry_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            connect();
        }
    });
}

void Link::Connection::lose(const std::string& why) {
    asio::error_code ignored;
    socket_.close(ignored);
    unsent_.clear();
    unacknowledged_.reset();
    waiting_writable_ = false;
    apply_.disconnected();
    say(fmt::format("connection to control lost: {}; forwarding goes on", why));
    retry();
}

void Link::Connection::wait_readable() {
    socket_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
        if (!error) {
            read();
        }
    });
}

void Link::Connection::read() {
    for (unsigned taken = 0; taken < kBatch; ++taken) {
        const ssize_t size = ::recv(socket_.native_handle(), buffer_.data(), buffer_.size(), 0);
        if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
            break;
        }
        if (size <= 0) {
            lose(size == 0 ? "closed by control" : std::strerror(errno));
            return;
        }
        if (!take(wire::ByteView{buffer_}.first(static_cast<std::size_t>(size)))) {
            return;
        }
    }
    if (unacknowledged_) {
        send(ack_packet(*unacknowledged_));
        unacknowledged_.reset();
    }
    if (connected()) {
        wait_readable();
    }
}

bool Link::Connection::take(wire::ByteView packet) {
    const auto header = read_header(packet);
    if (!header) {
        lose(header.error().text);
        return false;
    }
    back_off_ = kFirstRetry;  // a control that talks sense is there: the next loss is a new one
    if (header->type == ipc::Type::counters_request) {
        for (wire::Bytes& reply : counters_packets(header->sequence, events_.counters())) {
            send(std::move(reply));
        }
        return connected();
    }
    std::vector<Announcement> announcements;
    if (Status applied = apply_.apply(packet, announcements); !applied) {
        send(refused_packet(header->sequence, applied.error().text));
    }
    if (!announcements.empty()) {
        events_.announce(std::move(announcements));
    }
    unacknowledged_ = header->sequence;
    return connected();
}

void Link::Connection::send(wire::Bytes packet) {
    if (connected()) {
        unsent_.push_back(std::move(packet));
        flush();
    }
}

void Link::Connection::flush() {
    while (!unsent_.empty()) {
        const wire::Bytes& packet = unsent_.front();
        if (::send(socket_.native_handle(), packet.data(), packet.size(), MSG_NOSIGNAL) < 0) {
            if (errno == EAGAIN) {
                wait_writable();
            } else {
                lose(std::strerror(errno));
            }
            return;
        }
        unsent_.pop_front();
    }
}

void Link::Connection::wait_writable() {
    if (waiting_writable_) {
        return;
    }
    waiting_writable_ = true;
    socket_.async_wait(asio::posix::stream_descriptor::wait_write, [this](const asio::error_code& error) {
        if (!error) {
            waiting_writable_ = false;
            flush();
        }
    });
}

Link::Link(asio::io_context& loop, std::filesystem::path socket, const ipc::Hello& hello, Apply& apply, Events events)
    : connection_(std::make_unique<Connection>(loop, std::move(socket), hello, apply, std::move(events))) {}

Link::~Link() = default;

void Link::start() {
    connection_->connect();
}

bool Link::connected() const noexcept {
    return connection_->connected();
}

}  // namespace homeward::mailbox
