#include "checksum.h"
#include "pipeline/pipeline.h"

namespace homeward::pipeline {

using stats::Drop;

/// Routes what goes to no node: transit, and what nodes send to correspondents.
void Pipeline::forward(Packet& packet) {
    if (!packet.ip->from().is_unicast() || !packet.ip->to().is_unicast()) {
        return drop(packet, Drop::forward_bad_source);
    }
    if (!ttl_suffices(packet)) {
        return;
    }
    decrement_ttl(*packet.ip);
    if (packet.through != nullptr) {
        clamp_mss(packet, packet.through->clamp_mtu.load(std::memory_order_relaxed));
    }
    transmit(packet);
}

/// Whether one hop is left; else the sender is told and the packet dropped. Nothing is changed yet, so that errors
/// found later quote the packet as it came.
bool Pipeline::ttl_suffices(Packet& packet) {
    if (packet.ip->ttl > 1) {
        return true;
    }
    icmp_error(packet, IcmpHeader::kTimeExceeded, 0);
    drop(packet, Drop::forward_ttl);
    return false;
}

}  // namespace homeward::pipeline
