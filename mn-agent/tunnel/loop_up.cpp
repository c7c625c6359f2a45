#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "events.h"
#include "policy/spread.h"
#include "tunnel/loop.h"

// The tunnel's thread, from the TUN's queues to the uplinks' sockets.

namespace homeward::tunnel {
namespace {

constexpr unsigned kNowhere = kMaxSlots;
constexpr unsigned kNobody = ~0U;
constexpr unsigned kReads = 32;  ///< from one queue before others have their turn

/// The link is gone or has no way out any more; netlink will say so in a moment.
bool link_is_dead(int error) {
    return error == ENETDOWN || error == ENETUNREACH || error == ENODEV || error == ENXIO || error == EADDRNOTAVAIL ||
           error == EINVAL;
}

}  // namespace

void Loop::read_queue(unsigned queue) {
    for (unsigned i = 0; i < kReads; ++i) {
        if (settings_.steered && queue < settings_.labels.size() && batches_[queue]->full()) {
            break;
        }
        const ssize_t size = ::read(tun_.queue(queue), scratch_.get(), kScratch);
        if (size <= 0) {
            break;
        }
        stage(queue, static_cast<std::size_t>(size));
    }
    for (unsigned slot = 0; slot < settings_.labels.size(); ++slot) {
        if (!batches_[slot]->blocked) {
            flush(slot);
        }
    }
}

/// Puts what was read into `scratch_` into the batch of the uplink it leaves by, cut into packets.
void Loop::stage(unsigned queue, std::size_t size) {
    OffloadHeader offload;
    if (size < sizeof offload + kSmallestPacket || scratch_[sizeof offload] >> 4U != 4) {
        return drop(Drop::not_ipv4);
    }
    std::memcpy(&offload, scratch_.get(), sizeof offload);
    const wire::ByteView packet{scratch_.get() + sizeof offload, size - sizeof offload};
    const bool steered = settings_.steered && queue < settings_.labels.size() && sockets_[queue] &&
                         usable_[queue].load(std::memory_order_acquire);
    const Ways ways = steered ? Ways{queue, kNowhere} : ways_of(packet);
    if (ways.first == kNowhere) {
        return drop(Drop::no_uplink);
    }
    SendBatch* batch = with_room(ways.first);
    SendBatch* second = ways.second == kNowhere ? nullptr : with_room(ways.second);
    if (batch == nullptr) {
        batch = std::exchange(second, nullptr);
    }
    if (batch == nullptr) {
        return drop(Drop::queue_full);
    }
    if (!segmenter_.begin(offload, packet) || !batch->fits(segmenter_)) {
        return drop(Drop::bad_offload);
    }
    if (settings_.steered && queue < settings_.labels.size() && ways.first != queue) {
        add(counters_[ways.first].moved, segmenter_.count());
    }
    if (ways.second != kNowhere) {
        add(second != nullptr ? counters_[ways.second].copies : copies_lost_, segmenter_.count());
    }
    put(*batch, second, outer_tos(packet[1], settings_.ecn_normal_mode));
}

/// The slot's batch, if another packet may be put in.
SendBatch* Loop::with_room(unsigned slot) {
    SendBatch& batch = *batches_[slot];
    if (batch.full() && !batch.blocked) {
        flush(slot);
    }
    return batch.full() ? nullptr : &batch;
}

/// `second`: gets the same packets, and both are numbered; null: none does.
void Loop::put(SendBatch& batch, SendBatch* second, std::uint8_t tos) noexcept {
    const std::uint16_t mss = segmenter_.cuts() ? std::uint16_t{0} : max_mss_.load(std::memory_order_relaxed);
    while (const std::size_t size = segmenter_.next(batch.room())) {
        if (mss != 0) {
            clamp_mss({batch.room(), size}, mss);
        }
        const std::uint16_t number = second != nullptr ? numbers_up_.next() : numbering::Seen::kUnnumbered;
        if (second != nullptr) {
            std::memcpy(second->room(), batch.room(), size);
            second->push(size, tos, number);
        }
        batch.push(size, tos, number);
    }
}

/// The policy's answer in user space.
Loop::Ways Loop::ways_of(wire::ByteView packet) noexcept {
    if (!table_) {
        return {};
    }
    const policy::FlowKey flow = flow_of(packet, fragments_);
    const policy::Candidate& choice = table_->lookup(flow);
    const unsigned first = usable_of(choice, flow, kNobody);
    const bool twice = choice.mode == policy::Mode::redundant && numbered_.load(std::memory_order_relaxed);
    return {first, twice ? usable_of(choice, flow, first) : kNowhere};
}

/// The same for one uplink that is not `except`.
unsigned Loop::choose(wire::ByteView packet, unsigned except) noexcept {
    if (!table_) {
        return kNowhere;
    }
    const policy::FlowKey flow = flow_of(packet, fragments_);
    return usable_of(table_->lookup(flow), flow, except);
}

unsigned Loop::usable_of(const policy::Choice& choice, const policy::FlowKey& flow, unsigned except) const noexcept {
    const auto usable = [&](policy::Label label) {
        const unsigned slot = slot_of_label_[label];
        return slot != kNowhere && slot != except && sockets_[slot] && usable_[slot].load(std::memory_order_acquire);
    };
    return slot_of_label_[policy::choose(choice, table_->rates(), flow, usable)];
}

bool Loop::leaves_plainly(unsigned slot) const noexcept {
    return plain_[slot].load(std::memory_order_relaxed) && plain_sockets_[slot];
}

/// The socket that the slot's packets leave by.
int Loop::way_out(unsigned slot) const noexcept {
    return leaves_plainly(slot) ? plain_sockets_[slot].get() : sockets_[slot].get();
}

void Loop::flush(unsigned slot) {
    SendBatch& batch = *batches_[slot];
    while (!batch.empty()) {
        if (!sockets_[slot]) {
            send_elsewhere(slot);
            continue;
        }
        const bool plain = leaves_plainly(slot);
        batch.set_plain(plain);
        const unsigned messages = batch.lay_out();
        const int sent = ::sendmmsg(way_out(slot), batch.messages(), messages, MSG_NOSIGNAL);
        if (sent <= 0) {
            const int error = errno;
            if (error == EAGAIN && !plain) {
                return block(slot, true);
            }
            after_failed_send(slot, error);
            continue;
        }
        const SendBatch::Amount amount = batch.sent(static_cast<unsigned>(sent));
        add(counters_[slot].tx_packets, amount.packets);
        add(counters_[slot].tx_bytes, amount.bytes);
    }
    batch.clear();
    block(slot, false);
}

/// Decides about the first unsent packet of the batch; the caller goes on with the rest.
void Loop::after_failed_send(unsigned slot, int error) {
    if (error == EINTR) {
        return;
    }
    SendBatch& batch = *batches_[slot];
    // EIO: the device computes no checksums, and this kernel then refuses trains. Other errors may be about the train
    // or about its packets (the path's MTU shrank: EINVAL or EMSGSIZE); each by itself will tell.
    if (batch.break_first()) {
        if (error == EIO) {
            batch.set_trains(false);
        }
        return;
    }
    if (link_is_dead(error)) {
        return send_elsewhere(slot);
    }
    if (error == EMSGSIZE) {
        drop(Drop::too_big);
        too_big_[slot].store(true);
        signal_event(control_event_.get());
        return batch.skip_first();
    }
    // ECONNREFUSED and its like report an earlier packet's ICMP error, once; this packet was not tried.
    if (send_first(slot, slot)) {
        return;
    }
    drop(Drop::send_failed);
    batch.skip_first();
}

/// The first unsent packet leaves by the policy's next preference.
void Loop::send_elsewhere(unsigned slot) {
    SendBatch& batch = *batches_[slot];
    const unsigned other = choose(batch.first(), slot);
    if (other != kNowhere && send_first(slot, other)) {
        return add(counters_[other].moved, 1);
    }
    drop(other == kNowhere ? Drop::no_uplink : Drop::send_failed);
    batch.skip_first();
}

/// Sends the first unsent packet of `slot`'s batch by `other`'s socket, past that one's batch.
bool Loop::send_first(unsigned slot, unsigned other) noexcept {
    SendBatch& batch = *batches_[slot];
    const std::size_t size = batch.first().size();
    batch.set_plain(leaves_plainly(other));
    if (::sendmsg(way_out(other), batch.first_alone(), MSG_NOSIGNAL | MSG_DONTWAIT) < 0) {
        return false;
    }
    add(counters_[other].tx_packets, 1);
    add(counters_[other].tx_bytes, size);
    batch.skip_first();
    return true;
}

/// While a socket is full, its queue is not read and the socket is asked when it takes more.
void Loop::block(unsigned slot, bool blocked) {
    SendBatch& batch = *batches_[slot];
    if (batch.blocked == blocked) {
        return;
    }
    batch.blocked = blocked;
    if (sockets_[slot]) {
        epoll_event event =
            interest(blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, Source::socket, slot, sockets_[slot].get());
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, sockets_[slot].get(), &event);
    }
    if (settings_.steered) {
        epoll_event event = interest(blocked ? 0U : EPOLLIN, Source::queue, slot, tun_.queue(slot));
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, tun_.queue(slot), &event);
    }
}

}  // namespace homeward::tunnel
