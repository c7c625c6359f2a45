// The half of Publisher that speaks: the queue of changes, and its packets.
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "packet.h"
#include "state.h"

namespace homeward::publish {

void Publisher::State::finish(std::uint64_t ticket, bool applied) {
    if (auto waited = waiting.extract(ticket)) {
        waited.mapped()(applied);
    }
}

void Publisher::State::enqueue(Change change) {
    const bool waited = change.ticket != 0;
    if (!waited && (!connection || !connection->hello)) {
        return;
    }
    queue.push_back(std::move(change));
    schedule_write();
}

std::uint64_t Publisher::State::enqueue_waited(Change change, Done done) {
    if (done) {
        change.ticket = next_ticket++;
        waiting.emplace(change.ticket, std::move(done));
    }
    const std::uint64_t ticket = change.ticket;
    enqueue(std::move(change));
    return ticket;
}

/// Writing waits for the end of the current turn of the loop, so that changes of many requests share packets.
void Publisher::State::schedule_write() {
    if (write_scheduled || !connection || !connection->hello || connection->waiting_to_write) {
        return;
    }
    write_scheduled = true;
    asio::post(loop, [this, watch = alive] {
        if (*watch) {
            write_scheduled = false;
            write();
        }
    });
}

void Publisher::State::write() {
    while (connection && connection->hello) {
        Connection& to = *connection;
        if (to.unsent.empty()) {
            to.unsent = next_packet();
        }
        if (to.unsent.empty()) {
            return;
        }
        const ssize_t sent =
            ::send(to.stream.native_handle(), to.unsent.data(), to.unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            to.unsent.clear();
            continue;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN && errno != ENOBUFS) {
            return lose(std::strerror(errno));
        }
        to.waiting_to_write = true;
        to.stream.async_wait(asio::posix::stream_descriptor::wait_write,
                             [this, held = connection, watch = alive](const asio::error_code& error) {
                                 if (!error && *watch && connection == held) {
                                     held->waiting_to_write = false;
                                     write();
                                 }
                             });
        return;
    }
}

wire::Bytes Publisher::State::next_packet() {
    Connection& to = *connection;
    if (to.replay && !to.replay->done()) {
        wire::Bytes packet = to.replay->next(to.next_sequence);
        if (to.replay->done()) {
            to.sync_end_sequence = to.next_sequence;
        }
        ++to.next_sequence;
        return packet;
    }
    if (to.chunks && !to.chunks->done()) {
        return to.chunks->next(to.next_sequence++);
    }
    return next_from_queue();
}

wire::Bytes Publisher::State::next_from_queue() {
    Connection& to = *connection;
    while (!queue.empty() && queue.front().type == ipc::Type::policy_chunk) {
        const std::uint32_t number = std::get<PolicyPut>(queue.front().record).number;
        queue.pop_front();
        if (const PolicyNumbers::Held* held = policies.find(number)) {
            to.chunks.emplace(number, held->bytes);
            return to.chunks->next(to.next_sequence++);
        }
    }
    if (queue.empty()) {
        return {};
    }
    Packet packet(queue.front().type);
    InFlight flight{to.next_sequence, {}};
    const ipc::Type type = queue.front().type;
    const bool single = type == ipc::Type::settings || type == ipc::Type::counters_request;
    while (!queue.empty() && queue.front().type == type && packet.fits<ipc::Binding>()) {
        std::visit(
            [&packet](const auto& record) {
                using T = std::decay_t<decltype(record)>;
                if constexpr (!std::is_same_v<T, CountersRequest> && !std::is_same_v<T, PolicyPut>) {
                    packet.add(record);
                }
            },
            queue.front().record);
        if (queue.front().ticket != 0) {
            flight.changes.push_back(std::move(queue.front()));
        }
        queue.pop_front();
        if (single) {
            break;
        }
    }
    if (!flight.changes.empty()) {
        to.in_flight.push_back(std::move(flight));
    }
    return packet.finish(to.next_sequence++);
}

}  // namespace homeward::publish
