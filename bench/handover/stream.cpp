/// bench-handover-stream: one end of a stream of numbered, stamped messages at a constant rate in both directions.
///
///     bench-handover-stream --log FILE [--bind ADDRESS] [--port N] [--peer ADDRESS] [--transport udp|tcp|mptcp]
///                           [--rate N] [--size BYTES]
///
/// With --peer it is the end that begins; without, the one that waits, and answers to wherever the last datagram came
/// from. Every message that arrives is one record in FILE at once: its number, when it was to be sent, when it arrived;
/// three 64-bit integers in the machine's order, times in nanoseconds of CLOCK_MONOTONIC, which all namespaces share.
/// On SIGTERM it ends.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <vector>

namespace {

using std::chrono::nanoseconds;

struct Options {
    std::string log, bind = "0.0.0.0", peer, transport = "udp";
    std::uint16_t port = 7000;
    double rate = 500;
    unsigned size = 200;
};

/// At the start of every message.
struct Stamp {
    std::int64_t number, sent;
};
struct Record {
    Stamp stamp;
    std::int64_t received;
};

[[noreturn]] void fail(const std::string& what) {
    throw std::system_error{errno, std::generic_category(), what};
}

nanoseconds now() noexcept {
    timespec time{};
    clock_gettime(CLOCK_MONOTONIC, &time);
    return std::chrono::seconds{time.tv_sec} + nanoseconds{time.tv_nsec};
}

sockaddr_in socket_address(const std::string& host, std::uint16_t port) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_port = htons(port);
    if (inet_pton(AF_INET, host.c_str(), &made.sin_addr) != 1) {
        throw std::runtime_error{host + " is no IPv4 address"};
    }
    return made;
}

/// Owns a file descriptor.
class File {
  public:
    File(int number, const std::string& what) : number_(number) {
        if (number < 0) {
            fail(what);
        }
    }
    ~File() { close(number_); }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    int number() const noexcept { return number_; }

  private:
    int number_;
};

class Log {
  public:
    explicit Log(const std::string& path)
        : file_(open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644), path) {}

    void add(const std::byte* message) const {
        Record record{};
        std::memcpy(&record.stamp, message, sizeof record.stamp);
        record.received = now().count();
        if (write(file_.number(), &record, sizeof record) != sizeof record) {
            fail("log");
        }
    }

  private:
    File file_;
};

/// To the address that the options give this end; only the end that waits has a port of its own.
void bind_to_own_address(const File& file, const Options& options) {
    const int yes = 1;
    setsockopt(file.number(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const sockaddr_in own = socket_address(options.bind, options.peer.empty() ? options.port : 0);
    if (bind(file.number(), reinterpret_cast<const sockaddr*>(&own), sizeof own) != 0) {
        fail(options.bind);
    }
}

/// What carries messages to the other end and back.
class Transport {
  public:
    Transport() = default;
    virtual ~Transport() = default;
    Transport(const Transport&) = delete;
    Transport& operator=(const Transport&) = delete;

    virtual int file() const = 0;
    virtual bool waits_to_write() const { return false; }
    virtual void send(const std::vector<std::byte>& message) = 0;
    /// Logs what has arrived. False: the other end is gone.
    virtual bool receive(const Log& log) = 0;
};

class Datagrams final : public Transport {
  public:
    explicit Datagrams(const Options& options) : socket_(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket") {
        bind_to_own_address(socket_, options);
        if (!options.peer.empty()) {
            peer_ = socket_address(options.peer, options.port);
            begins_ = true;
        }
    }
    int file() const override { return socket_.number(); }

    void send(const std::vector<std::byte>& message) override {
        if (peer_) {
            // No way out at the moment is a lost message.
            sendto(socket_.number(), message.data(), message.size(), MSG_DONTWAIT,
                   reinterpret_cast<const sockaddr*>(&*peer_), sizeof *peer_);
        }
    }
    bool receive(const Log& log) override {
        sockaddr_in from{};
        socklen_t length = sizeof from;
        while (recvfrom(socket_.number(), buffer_.data(), buffer_.size(), MSG_DONTWAIT,
                        reinterpret_cast<sockaddr*>(&from), &length) >= static_cast<ssize_t>(sizeof(Stamp))) {
            log.add(buffer_.data());
            if (!begins_) {
                peer_ = from;
            }
        }
        return true;
    }

  private:
    File socket_;
    bool begins_ = false;
    std::optional<sockaddr_in> peer_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(65536);
};

class Connection final : public Transport {
  public:
    explicit Connection(const Options& options)
        : own_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, options.transport == "mptcp" ? IPPROTO_MPTCP : IPPROTO_TCP),
               "socket"),
          size_(options.size) {
        bind_to_own_address(own_, options);
        options.peer.empty() ? accept_one() : connect_to(options);
        const int yes = 1;
        setsockopt(file(), IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
        fcntl(file(), F_SETFL, O_NONBLOCK);
    }
    int file() const override { return accepted_ ? accepted_->number() : own_.number(); }
    bool waits_to_write() const override { return !unsent_.empty(); }

    void send(const std::vector<std::byte>& message) override {
        unsent_.insert(unsent_.end(), message.begin(), message.end());
        flush();
    }
    bool receive(const Log& log) override {
        flush();
        while (true) {
            const ssize_t length = recv(file(), buffer_.data(), buffer_.size(), MSG_DONTWAIT);
            if (length <= 0) {
                return length < 0 && (errno == EAGAIN || errno == EINTR);
            }
            unread_.insert(unread_.end(), buffer_.begin(), buffer_.begin() + length);
            std::size_t done = 0;
            for (; unread_.size() - done >= size_; done += size_) {
                log.add(unread_.data() + done);
            }
            unread_.erase(unread_.begin(), unread_.begin() + static_cast<std::ptrdiff_t>(done));
        }
    }

  private:
    void connect_to(const Options& options) {
        const sockaddr_in peer = socket_address(options.peer, options.port);
        if (connect(own_.number(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
            fail(options.peer);
        }
    }
    void accept_one() {
        listen(own_.number(), 1);
        std::cout << "listening" << std::endl;
        accepted_.emplace(accept4(own_.number(), nullptr, nullptr, SOCK_CLOEXEC), "accept");
    }
    void flush() {
        const ssize_t length = ::send(file(), unsent_.data(), unsent_.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (length > 0) {
            unsent_.erase(unsent_.begin(), unsent_.begin() + length);
        }
    }

    File own_;  ///< stays open at the end that waits: further subflows of MPTCP come by it
    std::optional<File> accepted_;
    std::size_t size_;
    std::vector<std::byte> buffer_ = std::vector<std::byte>(65536), unread_, unsent_;
};

volatile std::sig_atomic_t ended = 0;

void stream(Transport& transport, const Options& options) {
    const Log log{options.log};
    const nanoseconds gap{static_cast<nanoseconds::rep>(1e9 / options.rate)};
    std::vector<std::byte> message(options.size);
    Stamp stamp{0, now().count()};
    while (ended == 0) {
        for (nanoseconds due{stamp.sent}; due <= now(); due += gap, stamp = {stamp.number + 1, due.count()}) {
            std::memcpy(message.data(), &stamp, sizeof stamp);
            transport.send(message);
        }
        const nanoseconds rest = std::max(nanoseconds{0}, nanoseconds{stamp.sent} - now());
        const timespec limit{0, rest.count()};
        pollfd ready{transport.file(), static_cast<short>(POLLIN | (transport.waits_to_write() ? POLLOUT : 0)), 0};
        if (ppoll(&ready, 1, &limit, nullptr) > 0 && !transport.receive(log)) {
            return;
        }
    }
}

/// Wakes in time on a busy machine; needs root.
void hurry() {
    const sched_param priority{.sched_priority = 10};
    sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
    prctl(PR_SET_TIMERSLACK, 1UL);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"bench-handover-stream"};
    Options options;
    app.add_option("--log", options.log)->required();
    app.add_option("--bind", options.bind);
    app.add_option("--port", options.port);
    app.add_option("--peer", options.peer);
    app.add_option("--transport", options.transport)->check(CLI::IsMember({"udp", "tcp", "mptcp"}));
    app.add_option("--rate", options.rate)->check(CLI::Range(2.0, 100'000.0));
    app.add_option("--size", options.size)->check(CLI::Range(16U, 1400U));
    CLI11_PARSE(app, argc, argv);
    std::signal(SIGTERM, [](int) { ended = 1; });
    try {
        hurry();
        std::unique_ptr<Transport> transport;
        if (options.transport == "udp") {
            transport = std::make_unique<Datagrams>(options);
        } else {
            transport = std::make_unique<Connection>(options);
        }
        std::cout << "ready" << std::endl;
        stream(*transport, options);
    } catch (const std::exception& error) {
        std::cerr << "bench-handover-stream: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
