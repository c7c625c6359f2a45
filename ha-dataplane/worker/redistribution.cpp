#include "worker/redistribution.h"

#include <fmt/format.h>
#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace homeward::worker {
namespace {

constexpr unsigned kAhead = 4;

std::uint16_t type_at(const std::uint8_t* frame, unsigned offset) {
    std::uint16_t type = 0;
    std::memcpy(&type, frame + offset, sizeof type);
    return rte_be_to_cpu_16(type);
}

/// The finaliser of MurmurHash3 (public domain): every bit of the input decides about every bit of the output.
std::uint32_t mix(std::uint64_t word) {
    word = (word ^ word >> 33) * 0xff51afd7ed558ccdULL;
    word = (word ^ word >> 33) * 0xc4ceb9fe1a85ec53ULL;
    return static_cast<std::uint32_t>(word >> 32);
}

bool polls_one_of(const Plan& plan, const std::vector<bool>& devices) {
    return std::any_of(plan.rx.begin(), plan.rx.end(), [&](const RxQueue& queue) { return devices[queue.device]; });
}

}  // namespace

std::optional<std::uint32_t> hash_addresses(const rte_mbuf& frame) noexcept {
    constexpr unsigned kType = 2 * RTE_ETHER_ADDR_LEN, kTag = 4, kSource = 12, kIpv4 = 20;
    const auto* bytes = rte_pktmbuf_mtod(&frame, const std::uint8_t*);
    unsigned ip = RTE_ETHER_HDR_LEN;
    if (frame.data_len < ip + kIpv4) {
        return std::nullopt;
    }
    std::uint16_t type = type_at(bytes, kType);
    if (type == RTE_ETHER_TYPE_VLAN) {
        type = type_at(bytes, kType + kTag);
        ip += kTag;
    }
    if (type != RTE_ETHER_TYPE_IPV4 || frame.data_len < ip + kIpv4) {
        return std::nullopt;
    }
    std::uint64_t addresses = 0;
    std::memcpy(&addresses, bytes + ip + kSource, sizeof addresses);
    return mix(addresses);
}

Redistribution::Redistribution(unsigned workers, std::vector<bool> devices)
    : devices_(std::move(devices)), ends_(workers) {
    for (End& end : ends_) {
        end.out.resize(workers);
        end.outgoing.resize(workers);
        end.receivers.reserve(workers);
    }
}

Result<std::unique_ptr<Redistribution>> Redistribution::create(std::span<const Plan> plans, std::vector<bool> devices,
                                                               int socket) {
    std::vector<unsigned> producers;
    for (unsigned worker = 0; worker < plans.size(); ++worker) {
        if (polls_one_of(plans[worker], devices)) {
            producers.push_back(worker);
        }
    }
    std::unique_ptr<Redistribution> made;
    if (!producers.empty()) {
        made.reset(new Redistribution(static_cast<unsigned>(plans.size()), std::move(devices)));
        if (Status rings = made->make_rings(producers, socket); !rings) {
            return rings.error();
        }
    }
    return made;
}

Status Redistribution::make_rings(std::span<const unsigned> producers, int socket) {
    const auto share = kPerWorker / 2 / static_cast<unsigned>(producers.size());
    const unsigned size = std::bit_ceil(std::max(share, 2 * kBurst));
    for (const unsigned from : producers) {
        for (unsigned to = 0; to < ends_.size(); ++to) {
            if (to == from) {
                continue;
            }
            rte_ring* ring = rte_ring_create(fmt::format("worker_{}_to_{}", from, to).c_str(), size, socket,
                                             RING_F_SP_ENQ | RING_F_SC_DEQ);
            if (ring == nullptr) {
                return Error{"no memory for the rings between workers; raise dataplane.memory"};
            }
            ends_[from].out[to] = ring;
            ends_[to].in.push_back(ring);
        }
    }
    return {};
}

Redistribution::~Redistribution() {
    for (const End& end : ends_) {
        for (rte_ring* ring : end.in) {
            void* frame = nullptr;
            while (rte_ring_dequeue(ring, &frame) == 0) {
                rte_pktmbuf_free(static_cast<rte_mbuf*>(frame));
            }
            rte_ring_free(ring);
        }
    }
}

unsigned Redistribution::pass_on(unsigned worker, std::uint16_t device, rte_mbuf** frames, unsigned count,
                                 Frames& refused) noexcept {
    End& end = ends_[worker];
    unsigned kept = 0;
    for (unsigned i = 0; i < count && i < kAhead; ++i) {
        rte_prefetch0(rte_pktmbuf_mtod(frames[i], const void*));
    }
    for (unsigned i = 0; i < count; ++i) {
        if (i + kAhead < count) {
            rte_prefetch0(rte_pktmbuf_mtod(frames[i + kAhead], const void*));
        }
        rte_mbuf* frame = frames[i];
        const auto hash = hash_addresses(*frame);
        const auto owner = hash ? static_cast<unsigned>(std::uint64_t{*hash} * ends_.size() >> 32) : worker;
        if (owner == worker) {
            frames[kept++] = frame;
            continue;
        }
        frame->port = device;
        if (end.outgoing[owner].count == 0) {
            end.receivers.push_back(owner);
        }
        end.outgoing[owner].push(frame);
    }
    for (const unsigned receiver : end.receivers) {
        Frames& sent = end.outgoing[receiver];
        const unsigned taken = rte_ring_sp_enqueue_burst(
            end.out[receiver], reinterpret_cast<void* const*>(sent.items.data()), sent.count, nullptr);
        for (unsigned i = taken; i < sent.count; ++i) {
            refused.push(sent.items[i]);
        }
        sent.count = 0;
    }
    end.receivers.clear();
    return kept;
}

}  // namespace homeward::worker
