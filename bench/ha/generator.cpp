#include "generator.h"

#include <immintrin.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace bench {
namespace {

/// Longer between two polls than any burst takes: somebody else had the processor.
constexpr double kTheftS = 30e-6;
/// Where a round's first arrivals fall, so that the worker is polling by then.
constexpr double kLeadS = 5e-6;

/// When a buffer's packet arrived, kept in the descriptor's hash: in its first line, which every contestant has at
/// hand, so that stamps cost as little as they can.
void set_arrival(rte_mbuf& buffer, std::uint64_t when) {
    static_assert(sizeof buffer.hash == sizeof when);
    std::memcpy(&buffer.hash, &when, sizeof when);
}

std::uint64_t arrival(const rte_mbuf& buffer) {
    std::uint64_t when = 0;
    std::memcpy(&when, &buffer.hash, sizeof when);
    return when;
}

/// Sends the frame's lines from this core's caches to the one shared by all, where a NIC's DDIO writes them. A hint,
/// and a no-op on processors that do not know it.
__attribute__((target("cldemote"))) void demote(std::uint8_t* frame, unsigned length) {
    for (unsigned at = 0; at < length; at += RTE_CACHE_LINE_SIZE) {
        _cldemote(frame + at);
    }
}

}  // namespace

Generator::Generator(rte_mempool* pool, unsigned descriptors)
    : descriptors_(descriptors),
      sides_{Side{*this, kAccess, *pool, descriptors}, Side{*this, kHome, *pool, descriptors}} {
    for (Side& side : sides_) {
        queues_[side.port] = &side;
        auto& entry = rte_eth_fp_ops[side.port];
        entry.rx_pkt_burst = &Generator::receive;
        entry.tx_pkt_burst = &Generator::transmit;
        entry.rxq.data = &queues_[side.port];
        entry.txq.data = &queues_[side.port];
    }
}

bool Generator::active(const Side& side) const noexcept {
    return load_.direction == Direction::both || (side.port == kAccess) == (load_.direction == Direction::uplink);
}

void Generator::arm(const Load& load, Frames& frames, unsigned rounds, std::function<void()> finished) {
    load_ = load;
    frames_ = &frames;
    finished_ = std::move(finished);
    rounds_left_ = rounds;
    result_ = {};
    const unsigned ports = load.direction == Direction::both ? 2 : 1;
    cycles_per_arrival_ =
        load.packets_per_s > 0 ? static_cast<double>(rte_get_tsc_hz()) * ports / load.packets_per_s : 0;
    begin_round();
    armed_ = true;
}

/// Off the clock: every buffer holds a fresh frame, the clock starts.
void Generator::begin_round() {
    write_frames();
    for (Side& side : sides_) {
        side.arrived = 0;
    }
    lost_ = 0;
    disturbed_ = false;
    round_latency_.clear();
    began_ = last_poll_ = rte_rdtsc();
    if (cycles_per_arrival_ > 0) {
        began_ += static_cast<std::uint64_t>(kLeadS * static_cast<double>(rte_get_tsc_hz()));
    }
}

void Generator::write_frames() {
    for (Side& side : sides_) {
        side.rx.rewind();
        for (unsigned i = 0; active(side) && i < descriptors_; ++i) {
            std::uint8_t* at = side.rx.frame(i);
            const std::uint16_t length = side.port == kAccess ? frames_->uplink(at) : frames_->downlink(at);
            side.rx.complete(i, length, load_.offloads);
            demote(at, length);
        }
    }
}

std::uint16_t Generator::receive(void* queue, rte_mbuf** packets, std::uint16_t room) {
    Side& side = *static_cast<Side*>(queue);
    Generator& generator = *side.owner;
    if (!generator.armed_ || !generator.active(side)) {
        return 0;
    }
    const std::uint64_t now = rte_rdtsc();
    if (static_cast<double>(now - generator.last_poll_) > kTheftS * static_cast<double>(rte_get_tsc_hz())) {
        generator.disturbed_ = true;
    }
    generator.last_poll_ = now;
    if (generator.round_over()) {
        generator.end_round(now);
        return 0;
    }
    const auto count = static_cast<std::uint16_t>(std::min<unsigned>(room, generator.due(side, now)));
    if (generator.cycles_per_arrival_ > 0) {
        generator.stamp(side, side.rx.waiting(), count);
    }
    side.rx.receive(packets, count);
    return count;
}

/// How many packets wait in the port's ring.
unsigned Generator::due(Side& side, std::uint64_t now) {
    if (cycles_per_arrival_ == 0) {
        return descriptors_ - side.rx.next();
    }
    if (now < began_) {
        return 0;
    }
    const auto arrived = static_cast<std::uint64_t>(static_cast<double>(now - began_) / cycles_per_arrival_) + 1;
    const std::uint64_t taken = side.rx.next() + side.arrived;  // `arrived` counts those that found no descriptor
    if (arrived > taken + load_.ring) {
        lost_ += arrived - taken - load_.ring;
        side.arrived += arrived - taken - load_.ring;
    }
    return std::min<unsigned>(static_cast<unsigned>(arrived - side.rx.next() - side.arrived),
                              descriptors_ - side.rx.next());
}

/// When each of the next `count` packets arrived.
void Generator::stamp(const Side& side, rte_mbuf* const* packets, unsigned count) const {
    for (unsigned i = 0; i < count; ++i) {
        const auto number = static_cast<double>(side.rx.next() + i + side.arrived);
        set_arrival(*packets[i], began_ + static_cast<std::uint64_t>(number * cycles_per_arrival_));
    }
}

std::uint16_t Generator::transmit(void* queue, rte_mbuf** packets, std::uint16_t count) {
    Side& side = *static_cast<Side*>(queue);
    Generator& generator = *side.owner;
    if (generator.cycles_per_arrival_ > 0) {
        const std::uint64_t now = rte_rdtsc();
        for (unsigned i = 0; i < count; ++i) {
            generator.round_latency_.add(now - arrival(*packets[i]));
        }
    }
    side.tx.transmit(packets, count);
    return count;
}

/// Everything was handed out and, this being a poll that follows a whole round of the loop, dealt with.
bool Generator::round_over() const noexcept {
    return std::all_of(sides_.begin(), sides_.end(),
                       [this](const Side& side) { return !active(side) || side.rx.next() == descriptors_; });
}

void Generator::end_round(std::uint64_t now) {
    if (disturbed_) {
        ++result_.set_aside;
    } else {
        ++result_.rounds;
        result_.cycles += now - began_;
        for (const Side& side : sides_) {
            result_.packets += active(side) ? side.rx.next() : 0;
        }
        result_.lost += lost_;
        result_.latency.add(round_latency_);
    }
    if (--rounds_left_ != 0) {
        return begin_round();
    }
    armed_ = false;
    finished_();
}

}  // namespace bench
