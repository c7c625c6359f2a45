// The half of Publisher that listens: connections, the data plane's answers, their loss.
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "state.h"

namespace homeward::publish {
namespace {

std::string text_of(std::span<const char> field) {
    return {field.data(), strnlen(field.data(), field.size())};
}

}  // namespace

void Publisher::State::accept() {
    listener.async_wait(
        asio::posix::stream_descriptor::wait_read, [this, watch = alive](const asio::error_code& error) {
            if (error || !*watch) {
                return;
            }
            const int fd = ::accept4(listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0) {
                begin(fd);
            }
            accept();
        });
}

void Publisher::State::begin(int fd) {
    if (connection) {
        lose("another data plane connected in its place");
    }
    const int buffer = 4 << 20;
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    connection = std::make_shared<Connection>(loop, fd);
    read(connection);
}

void Publisher::State::read(const std::shared_ptr<Connection>& from) {
    from->stream.async_wait(
        asio::posix::stream_descriptor::wait_read, [this, from, watch = alive](const asio::error_code& error) {
            if (error || !*watch || connection != from) {
                return;
            }
            static thread_local wire::Bytes buffer(ipc::kMaxMessage);
            for (;;) {
                const ssize_t size = ::recv(from->stream.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
                if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
                    break;
                }
                if (size <= 0) {
                    return lose(size == 0 ? "it closed the connection" : std::strerror(errno));
                }
                if (!take(*from, wire::ByteView{buffer}.first(static_cast<std::size_t>(size))) || connection != from) {
                    return;
                }
            }
            read(from);
        });
}

bool Publisher::State::take(Connection& from, wire::ByteView packet) {
    ipc::Header header;
    if (packet.size() < sizeof header) {
        lose("it sent a packet that is too short");
        return false;
    }
    std::memcpy(&header, packet.data(), sizeof header);
    if (header.magic != ipc::kMagic || header.version != ipc::kVersion) {
        lose("it speaks version " + std::to_string(header.version) + " of the protocol, homeward-control speaks " +
             std::to_string(ipc::kVersion) + ": install both of one release");
        return false;
    }
    const wire::ByteView records = packet.subspan(sizeof header);
    if (!from.hello) {
        return greet(from, header, records);
    }
    if (header.type == ipc::Type::ack) {
        acknowledged(from, header.sequence);
    } else if (header.type == ipc::Type::counters_reply) {
        counters(header, records);
    } else if (header.type == ipc::Type::refused) {
        refused(from, header, records);
    } else {
        lose("it sent a message of unknown type " + std::to_string(static_cast<unsigned>(header.type)));
        return false;
    }
    return true;
}

bool Publisher::State::greet(Connection& from, const ipc::Header& header, wire::ByteView records) {
    if (header.type != ipc::Type::hello || records.size() != sizeof(ipc::Hello)) {
        lose("it did not begin with hello");
        return false;
    }
    from.hello.emplace();
    std::memcpy(&*from.hello, records.data(), sizeof(ipc::Hello));
    // The replay says all of this; only changes that are not in force before their acknowledgement are not in it.
    std::erase_if(queue, [this](const Change& change) { return !waiting.contains(change.ticket); });
    from.replay.emplace(source, policies);
    events.connected(*from.hello);
    schedule_write();
    return true;
}

void Publisher::State::acknowledged(Connection& from, std::uint64_t sequence) {
    while (!from.in_flight.empty() && from.in_flight.front().sequence <= sequence) {
        const InFlight done = std::move(from.in_flight.front());
        from.in_flight.pop_front();
        for (const Change& change : done.changes) {
            finish(change.ticket, true);
        }
    }
    if (!from.synchronised && from.sync_end_sequence != 0 && sequence >= from.sync_end_sequence) {
        from.synchronised = true;
        events.synchronised();
    }
}

void Publisher::State::refused(Connection& from, const ipc::Header& header, wire::ByteView records) {
    ipc::Refused refusal;
    if (records.size() == sizeof refusal) {
        std::memcpy(&refusal, records.data(), sizeof refusal);
    }
    events.refused(text_of(refusal.reason));
    for (InFlight& packet : from.in_flight) {
        if (packet.sequence == header.sequence) {
            const std::vector<Change> changes = std::move(packet.changes);
            packet.changes.clear();
            for (const Change& change : changes) {
                finish(change.ticket, false);
            }
            return;
        }
    }
}

void Publisher::State::lose(const std::string& why) {
    const std::shared_ptr<Connection> lost = std::move(connection);
    connection.reset();
    lost->stream.close();
    std::vector<Change> again;
    for (const InFlight& packet : lost->in_flight) {
        again.insert(again.end(), packet.changes.begin(), packet.changes.end());
    }
    queue.insert(queue.begin(), again.begin(), again.end());
    std::erase_if(queue, [this](const Change& change) { return !waiting.contains(change.ticket); });
    answer_counters({});
    events.lost(why);
}

void Publisher::State::counters(const ipc::Header& header, wire::ByteView records) {
    for (; records.size() >= sizeof(ipc::Counter); records = records.subspan(sizeof(ipc::Counter))) {
        ipc::Counter counter;
        std::memcpy(&counter, records.data(), sizeof counter);
        counter_parts.emplace_back(text_of(counter.name), counter.value);
    }
    if (header.more == 0) {
        answer_counters(std::exchange(counter_parts, {}));
    }
}

void Publisher::State::answer_counters(const CounterList& list) {
    counters_timer.cancel();
    counter_parts.clear();
    for (const auto& waiter : std::exchange(counter_waiters, {})) {
        waiter(list);
    }
}

}  // namespace homeward::publish
