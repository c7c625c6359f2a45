#include "tunnel/hold_queue.h"

#include <algorithm>
#include <cstring>

#include "fields.h"

namespace homeward::tunnel {
namespace {

/// How far `number` is behind `other`, which may have wrapped.
std::int16_t ahead(std::uint16_t number, std::uint16_t other) noexcept {
    return static_cast<std::int16_t>(static_cast<std::uint16_t>(number - other));
}

}  // namespace

HoldQueue::HoldQueue(const numbering::Seen& seen, const RoundTrips& round_trips)
    : seen_(seen),
      round_trips_(round_trips),
      held_(new std::array<Held, kMost>),
      storage_(new std::uint8_t[kMost * kLargest]) {}

/// Correspondent, protocol and ports. Fragments are a flow of their own: only the first one says its ports.
std::uint64_t HoldQueue::key_of(Packet packet) noexcept {
    const std::size_t header = header_length(packet);
    const bool whole = (get16(packet, kFragment) & (kFragmentOffset | kMoreFragments)) == 0;
    const std::uint32_t ports = whole && packet.size() >= header + 4 ? get32(packet, header) : 0;
    std::uint64_t key = std::uint64_t{get32(packet, 12)} << 32U | ports;
    key ^= std::uint64_t{packet[kProtocol]} * 0x9e3779b97f4a7c15U;
    return key != 0 ? key : 1;
}

void HoldQueue::advance(std::uint8_t slot, std::uint16_t number, Time now) noexcept {
    std::optional<std::uint16_t>& newest = newest_[slot];
    if (!newest || ahead(number, *newest) > 0 || now - epoch_ > 4 * kEpoch) {
        newest = number;
    }
    if (now - epoch_ > 4 * kEpoch) {  // a pause, or the first packet: nothing is under way
        newest_of_all_ = settling_ = settled_ = number;
        epoch_ = now;
    }
    if (ahead(number, newest_of_all_) > 0) {
        newest_of_all_ = number;
    }
    if (now - epoch_ >= kEpoch) {
        settled_ = settling_;
        settling_ = newest_of_all_;
        epoch_ = now;
    }
}

/// How long packets by `to` may wait for those by `from`.
HoldQueue::Time HoldQueue::patience(std::uint8_t from, std::uint8_t to) const noexcept {
    const Time longer = round_trips_[from].load(std::memory_order_relaxed);
    const Time shorter = round_trips_[to].load(std::memory_order_relaxed);
    return longer > shorter ? std::min(longer - shorter, kLongest) : 0;
}

/// Whether a number between the last that came by `slot` and `before` has not come.
bool HoldQueue::under_way(std::uint8_t slot, std::uint16_t before, Time now) const noexcept {
    if (!newest_[slot] || ahead(before, settled_) <= 0) {
        return false;
    }
    std::uint16_t number = ahead(*newest_[slot], settled_) > 0 ? *newest_[slot] : settled_;
    while (ahead(before, ++number) > 0) {
        if (number != numbering::Seen::kUnnumbered && !seen_.holds(number, now / 1000)) {
            return true;
        }
    }
    return false;
}

bool HoldQueue::push(Flow& flow, Packet packet, std::uint16_t number) noexcept {
    if (tail_ - head_ == kMost || packet.size() > kLargest) {
        return false;
    }
    const std::size_t place = tail_++ % kMost;
    (*held_)[place] = {number, static_cast<std::uint16_t>(packet.size()),
                       static_cast<std::uint16_t>(&flow - flows_.data())};
    std::memcpy(storage_.get() + place * kLargest, packet.data(), packet.size());
    ++flow.held;
    return true;
}

bool HoldQueue::take(Packet packet, std::uint8_t slot, std::uint16_t number, Time now) noexcept {
    advance(slot, number, now);
    const std::uint64_t key = key_of(packet);
    Flow& flow = flows_[(key * 0x9e3779b97f4a7c15U) >> 54U];
    static_assert(kFlows == 1U << 10U);
    if (flow.key != key) {
        if (flow.held == 0) {
            flow = {.key = key, .slot = slot};
        }
        return false;
    }
    if (flow.slot == slot || (flow.held != 0 && flow.next != slot)) {
        return false;
    }
    if (flow.held == 0) {
        const Time wait = patience(flow.slot, slot);
        if (wait == 0 || !under_way(flow.slot, number, now)) {
            flow.slot = slot;
            return false;
        }
        flow.next = slot;
        flow.deadline = now + wait;
    }
    return push(flow, packet, number);
}

/// What was held first goes first: the paths are the same for all flows, and so are the numbers they wait for.
Packet HoldQueue::release(Time now) noexcept {
    if (empty()) {
        return {};
    }
    const std::size_t place = head_ % kMost;
    const Held& held = (*held_)[place];
    Flow& flow = flows_[held.flow];
    if (now < flow.deadline && under_way(flow.slot, held.number, now)) {
        return {};
    }
    ++head_;
    if (--flow.held == 0) {
        flow.slot = flow.next;
    }
    return {storage_.get() + place * kLargest, held.size};
}

std::optional<HoldQueue::Time> HoldQueue::deadline() const noexcept {
    return empty() ? std::nullopt : std::optional{flows_[(*held_)[head_ % kMost].flow].deadline};
}

}  // namespace homeward::tunnel
