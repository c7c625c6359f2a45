#pragma once

#include "pipeline/pipeline.h"

namespace homeward::pipeline {

/// Makes `egress_` the way to `to`, for `packet`; its MTUs are 0 when there is none for the express lane.
[[gnu::always_inline]] inline void Pipeline::find_egress(be32 to, const Express& packet) {
    // A route's word names its gateway: equal words lead the same way.
    if (routes_.octet_cell(to) != egress_.gateway_route && routes_.first_cell(to) != egress_.gateway_route)
        [[unlikely]] {
        change_egress(wire::Ipv4Address{to}, packet);
    }
}

/// Makes the frame the `bytes` from `further` bytes behind its beginning on. It is one of `leaving_`.
[[gnu::always_inline]] inline void Pipeline::leave(rte_mbuf& frame, int further, unsigned bytes) {
    frame.data_off = static_cast<std::uint16_t>(frame.data_off + further);
    frame.pkt_len = bytes;
    frame.data_len = static_cast<std::uint16_t>(bytes);
}

inline void Pipeline::push_tx(std::uint16_t port, rte_mbuf* frame) {
    if (!output_->tx[port].push(frame)) [[unlikely]] {
        return drop(frame, stats::Drop::output_full);
    }
    output_->tx_ports |= 1U << port;
}

}  // namespace homeward::pipeline
