#include "pipeline/waiting.h"

#include "pipeline/pipeline.h"

namespace homeward::pipeline {
namespace {

using stats::Drop;
using stats::Event;

constexpr std::uint64_t kGiveUpS = 3;  // as the kernel: three requests, a second apart

}  // namespace

/// Keeps the packet until its neighbour's link address is known, and asks for it.
void Pipeline::hold(std::uint16_t port, wire::Ipv4Address neighbour, rte_mbuf* mbuf) {
    Waiting::Entry* entry = waiting_.entry(port, neighbour, now_);
    if (entry == nullptr || entry->count == Waiting::kPerNeighbour) {
        return drop(mbuf, Drop::neighbour_queue_full);
    }
    if (entry->count == 0) {
        entry->asked = now_;
        request({.kind = Request::Kind::resolve_neighbour, .port = port, .address = neighbour.host()});
    }
    waiting_.push(*entry, mbuf);
    counters_.count(Event::neighbour_held);
}

void Pipeline::settle_neighbours() {
    for (Waiting::Entry& entry : waiting_.entries()) {
        if (entry.count != 0) {
            settle(entry);
        }
    }
}

/// Sends or gives up what waits for one neighbour, or asks again.
void Pipeline::settle(Waiting::Entry& entry) {
    const tables::NeighbourWord neighbour = neighbours_.lookup(entry.port, entry.address);
    if (neighbour.usable()) {
        for (unsigned i = 0; i < entry.count; ++i) {
            send(entry.port, neighbour, entry.packets[i]);
        }
        counters_.count(Event::neighbour_released, entry.count);
        waiting_.release(entry);
    } else if (now_ - entry.since >= kGiveUpS * tsc_hz_) {
        for (unsigned i = 0; i < entry.count; ++i) {
            drop(entry.packets[i], Drop::neighbour_unresolved);
        }
        waiting_.release(entry);
    } else if (now_ - entry.asked >= tsc_hz_) {
        entry.asked = now_;
        request({.kind = Request::Kind::resolve_neighbour, .port = entry.port, .address = entry.address.host()});
    }
}

}  // namespace homeward::pipeline
