#pragma once

#include "pipeline/pipeline.h"

namespace homeward::pipeline {

/// Whether `egress_` is now the way to `to`, with a neighbour that is there.
inline bool Pipeline::leads(wire::Ipv4Address to) {
    const tables::Route route = routes_.lookup(to);
    const std::uint32_t gateway = route.gateway().host();
    const std::uint32_t next_hop = gateway == 0 ? to.host() : gateway;
    if (route.bits() == egress_.route && next_hop == egress_.next_hop) [[likely]] {
        return egress_.mtu != 0;
    }
    return resolve(route, next_hop);
}

/// Makes the frame the `bytes` from `begin` on, and sends it.
inline void Pipeline::leave(rte_mbuf* frame, const std::uint8_t* begin, unsigned bytes) {
    frame->data_off = static_cast<std::uint16_t>(begin - static_cast<std::uint8_t*>(frame->buf_addr));
    frame->data_len = static_cast<std::uint16_t>(bytes);
    frame->pkt_len = bytes;
    if (!egress_.list->push(frame)) [[unlikely]] {
        drop(frame, stats::Drop::output_full);
    }
}

inline void Pipeline::push_tx(std::uint16_t port, rte_mbuf* frame) {
    if (!output_->tx[port].push(frame)) [[unlikely]] {
        return drop(frame, stats::Drop::output_full);
    }
    output_->tx_ports |= 1U << port;
}

}  // namespace homeward::pipeline
