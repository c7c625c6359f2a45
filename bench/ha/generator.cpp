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

/// The private area of a buffer: when its packet arrived.
std::uint64_t& arrival(rte_mbuf* buffer) {
    return *static_cast<std::uint64_t*>(rte_mbuf_to_priv(buffer));
}

/// Sends the frame's lines from this core's caches to the one shared by all, where a NIC's DDIO writes them. A hint,
/// and a no-op on processors that do not know it.
__attribute__((target("cldemote"))) void demote(std::uint8_t* frame, unsigned length) {
    for (unsigned at = 0; at < length; at += RTE_CACHE_LINE_SIZE) {
        _cldemote(frame + at);
    }
}

}  // namespace

Generator::Generator(rte_mempool* pool, unsigned buffers) : pool_(pool), per_side_(buffers) {
    for (std::uint16_t port = 0; port < sides_.size(); ++port) {
        Side& side = sides_[port];
        side.owner = this;
        side.port = port;
        side.queue = &side;
        side.buffers.resize(buffers);
        side.lengths.resize(buffers);
        side.back.resize(2 * std::size_t{buffers});
        if (rte_pktmbuf_alloc_bulk(pool, side.buffers.data(), buffers) != 0) {
            throw std::runtime_error{"the pool is too small for the generator"};
        }
        auto& entry = rte_eth_fp_ops[port];
        entry.rx_pkt_burst = &Generator::receive;
        entry.tx_pkt_burst = &Generator::transmit;
        entry.rxq.data = &side.queue;
        entry.txq.data = &side.queue;
    }
}

Generator::~Generator() {
    for (Side& side : sides_) {
        rte_pktmbuf_free_bulk(side.buffers.data(), per_side_);
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
    dropped_ = 0;
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
        side.next = side.returned = 0;
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
        if (!active(side)) {
            continue;
        }
        for (unsigned i = 0; i < per_side_; ++i) {
            auto* at = static_cast<std::uint8_t*>(side.buffers[i]->buf_addr) + RTE_PKTMBUF_HEADROOM;
            side.lengths[i] = side.port == kAccess ? frames_->uplink(at) : frames_->downlink(at);
            demote(at, side.lengths[i]);
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
    const unsigned available = generator.due(side, now);
    return generator.give(side, packets, static_cast<std::uint16_t>(std::min<unsigned>(room, available)));
}

/// How many packets wait in the port's ring.
unsigned Generator::due(Side& side, std::uint64_t now) {
    if (cycles_per_arrival_ == 0) {
        return per_side_ - side.next;
    }
    if (now < began_) {
        return 0;
    }
    const auto arrived = static_cast<std::uint64_t>(static_cast<double>(now - began_) / cycles_per_arrival_) + 1;
    const std::uint64_t taken = side.next + side.arrived;  // `arrived` counts those that found no descriptor
    if (arrived > taken + load_.ring) {
        lost_ += arrived - taken - load_.ring;
        side.arrived += arrived - taken - load_.ring;
    }
    return std::min<unsigned>(static_cast<unsigned>(arrived - side.next - side.arrived), per_side_ - side.next);
}

std::uint16_t Generator::give(Side& side, rte_mbuf** packets, std::uint16_t room) {
    const std::uint64_t flags = load_.offloads ? RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD : 0;
    for (unsigned i = 0; i < room; ++i) {
        rte_mbuf* buffer = side.buffers[side.next];
        const std::uint16_t length = side.lengths[side.next];
        if (i + 1 < room) {
            rte_prefetch0(side.buffers[side.next + 1]);
        }
        buffer->data_off = RTE_PKTMBUF_HEADROOM;
        rte_mbuf_refcnt_set(buffer, 1);
        buffer->nb_segs = 1;
        buffer->port = side.port;
        buffer->ol_flags = flags;
        buffer->pkt_len = length;
        buffer->data_len = length;
        if (cycles_per_arrival_ > 0) {
            arrival(buffer) = began_ + static_cast<std::uint64_t>(static_cast<double>(side.next + side.arrived) *
                                                                  cycles_per_arrival_);
        }
        packets[i] = buffer;
        ++side.next;
    }
    return room;
}

std::uint16_t Generator::transmit(void* queue, rte_mbuf** packets, std::uint16_t count) {
    Side& side = *static_cast<Side*>(queue);
    Generator& generator = *side.owner;
    std::memcpy(&side.back[side.returned], packets, count * sizeof *packets);
    side.returned += count;
    if (generator.cycles_per_arrival_ > 0) {
        const std::uint64_t now = rte_rdtsc();
        for (unsigned i = 0; i < count; ++i) {
            generator.round_latency_.add(now - arrival(packets[i]));
        }
    }
    return count;
}

/// Everything was handed out and, this being a poll that follows a whole round of the loop, dealt with.
bool Generator::round_over() const noexcept {
    return std::all_of(sides_.begin(), sides_.end(),
                       [this](const Side& side) { return !active(side) || side.next == per_side_; });
}

void Generator::end_round(std::uint64_t now) {
    if (disturbed_) {
        ++result_.set_aside;
    } else {
        ++result_.rounds;
        result_.cycles += now - began_;
        for (const Side& side : sides_) {
            result_.packets += active(side) ? side.next : 0;
        }
        result_.lost += lost_;
        result_.latency.add(round_latency_);
    }
    collect();
    if (--rounds_left_ != 0) {
        return begin_round();
    }
    armed_ = false;
    finished_();
}

/// Brings the buffers home; what the worker freed is taken from the pool again.
void Generator::collect() {
    std::vector<rte_mbuf*> home;
    for (const Side& side : sides_) {
        home.insert(home.end(), side.back.begin(), side.back.begin() + side.returned);
    }
    for (Side& side : sides_) {
        if (!active(side)) {
            continue;
        }
        const std::size_t found = std::min<std::size_t>(home.size(), per_side_);
        std::copy(home.end() - static_cast<std::ptrdiff_t>(found), home.end(), side.buffers.begin());
        home.resize(home.size() - found);
        for (std::size_t i = found; i < per_side_; ++i) {
            side.buffers[i] = rte_pktmbuf_alloc(pool_);
            ++dropped_;
        }
    }
}

}  // namespace bench
