#include <sys/uio.h>

#include <algorithm>
#include <chrono>

#include "events.h"
#include "mip/keepalive.h"
#include "mip/tunnel.h"
#include "tunnel/loop.h"

// The tunnel's thread, from the uplinks' sockets to the TUN.

namespace homeward::tunnel {
namespace {

HoldQueue::Time monotonic_us() noexcept {
    return static_cast<HoldQueue::Time>(
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
            .count());
}

}  // namespace

void Loop::read_socket(int socket, std::uint8_t slot) {
    reading_.store(true);  // before the socket is empty, see `reading`
    const unsigned messages = receive_.read(socket);
    now_us_ = seen_ ? monotonic_us() : 0;
    for (unsigned i = 0; i < messages; ++i) {
        ReceiveBatch::Train train = receive_.train(i);
        do {
            const std::size_t size = std::min(train.segment, train.bytes.size());
            receive(slot, train.bytes.first(size), train.tos);
            train.bytes = train.bytes.subspan(size);
        } while (!train.bytes.empty());
    }
    write_trains(slot);
    reading_.store(false, std::memory_order_release);
}

/// What comes here was not the fast path's. A train that the kernel joined before anybody looked at it has its checksum
/// open, which nobody closes: it is dropped as any other that is wrong.
void Loop::read_plain_socket(int socket, std::uint8_t slot) {
    reading_.store(true);
    const unsigned messages = receive_.read(socket);
    now_us_ = seen_ ? monotonic_us() : 0;
    for (unsigned i = 0; i < messages; ++i) {
        const Packet outer = receive_.train(i).bytes;
        const std::size_t header = outer.empty() ? 0 : std::size_t{outer[0] & 0xfU} * 4;
        if (header < kSmallestPacket || outer.size() < header + kSmallestPacket) {
            drop(Drop::not_tunnel_data);
            continue;
        }
        receive_inner(slot, outer.subspan(header), outer[1], numbering::Seen::kUnnumbered);
    }
    write_trains(slot);
    reading_.store(false, std::memory_order_release);
}

/// Hands what has come together to the kernel.
void Loop::write_trains(unsigned slot) noexcept {
    const int queue = tun_.queue(slot < tun_.queues() ? slot : 0);
    for (std::size_t i = 0; i < coalescer_.trains(); ++i) {
        const std::span<const iovec> pieces = coalescer_.finish(i);
        if (::writev(queue, pieces.data(), static_cast<int>(pieces.size())) < 0) {
            add(drops_[static_cast<std::size_t>(Drop::interface_refused)], coalescer_.packets(i));
        }
    }
    coalescer_.clear();
}

void Loop::receive(std::uint8_t slot, Packet datagram, std::uint8_t outer_tos) {
    if (!datagram.empty() && datagram[0] == static_cast<std::uint8_t>(mip::MessageType::registration_reply)) {
        if (!control_.push(ControlDatagram::Kind::registration, slot, datagram)) {
            return drop(Drop::control_full);
        }
        return signal_event(control_event_.get());
    }
    if (!mip::tunnelled(datagram)) {
        return drop(Drop::not_tunnel_data);
    }
    const bool numbered = seen_ && numbered_.load(std::memory_order_relaxed);
    receive_inner(slot, datagram.subspan(mip::kTunnelHeaderSize), outer_tos,
                  numbered ? mip::tunnel_number(datagram) : numbering::Seen::kUnnumbered);
}

void Loop::receive_inner(std::uint8_t slot, Packet packet, std::uint8_t outer_tos, std::uint16_t number) {
    switch (check_inner(packet, wire::Ipv4Address{home_address_.load(std::memory_order_relaxed)})) {
        case Inner::good:
            break;
        case Inner::bad_checksum:
            return drop(Drop::inner_checksum);
        case Inner::wrong_destination:
            return drop(Drop::inner_destination);
        default:
            return drop(Drop::inner_malformed);
    }
    if (!combine_ecn(packet, outer_tos)) {
        return drop(Drop::inner_ecn);
    }
    if (number != numbering::Seen::kUnnumbered && !seen_->first(number, now_us_ / 1000)) {
        count_received(slot, packet.size());  // what came second tells as much of its path
        if (hold_) {
            hold_->advance(slot, number, now_us_);
        }
        return drop(Drop::duplicate);
    }
    // Cheap before exact: answers to our keepalives are ICMP of one size. Whether it is ours, the agent decides.
    constexpr std::uint8_t kIcmp = 1;
    constexpr std::size_t kKeepaliveSize = 36;
    if (packet[9] == kIcmp && packet.size() == kKeepaliveSize && mip::decode_echo_reply(packet) &&
        control_.push(ControlDatagram::Kind::echo_reply, slot, packet)) {
        return signal_event(control_event_.get());
    }
    count_received(slot, packet.size());
    if (const std::uint16_t mss = max_mss_.load(std::memory_order_relaxed); mss != 0) {
        clamp_mss(packet, mss);
    }
    if (hold_ && number != numbering::Seen::kUnnumbered && has_to_wait(packet, slot, number)) {
        return;
    }
    pass_on(packet);
}

/// Of a rule that says `redundant`.
bool Loop::comes_twice(wire::ByteView packet) const noexcept {
    return table_ && table_->lookup(flow_back_of(packet)).mode == policy::Mode::redundant;
}

/// A flow that comes by two paths has not moved when the longer one brings what the shorter one lost.
bool Loop::has_to_wait(Packet packet, std::uint8_t slot, std::uint16_t number) noexcept {
    if (comes_twice(packet)) {
        hold_->advance(slot, number, now_us_);
        return false;
    }
    return hold_->take(packet, slot, number, now_us_);
}

/// What counts is data: it tells that the uplink is in use.
void Loop::count_received(std::uint8_t slot, std::size_t size) noexcept {
    add(counters_[slot].rx_packets, 1);
    add(counters_[slot].rx_bytes, size);
}

void Loop::pass_on(Packet packet) noexcept {
    if (!coalescer_.add(packet)) {
        write_trains(0);
        coalescer_.add(packet);
    }
}

/// Whatever the thread woke up for: what it read may be what a held packet waited for.
void Loop::release_held() {
    if (!hold_ || hold_->empty()) {
        return;
    }
    now_us_ = monotonic_us();
    for (Packet packet = hold_->release(now_us_); !packet.empty(); packet = hold_->release(now_us_)) {
        pass_on(packet);
    }
    write_trains(0);
}

/// Milliseconds that nothing needs to be done unless something comes; -1: for ever.
int Loop::patience() const noexcept {
    const std::optional<HoldQueue::Time> deadline = hold_ ? hold_->deadline() : std::nullopt;
    if (!deadline) {
        return -1;
    }
    const HoldQueue::Time now = monotonic_us();
    return *deadline > now ? static_cast<int>((*deadline - now + 999) / 1000) : 0;
}

}  // namespace homeward::tunnel
