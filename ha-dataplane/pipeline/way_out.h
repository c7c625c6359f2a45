#pragma once

#include "pipeline/pipeline.h"

namespace homeward::pipeline {

/// Whether `egress_` is the way to `to`, by a gateway.
[[gnu::always_inline]] inline bool Pipeline::leads_to_egress(be32 to) const {
    // A route's word names its gateway: equal words lead the same way.
    return routes_.octet_cell(to) == egress_.gateway_route || routes_.first_cell(to) == egress_.gateway_route;
}

/// Makes `egress_` the way to `to`, for `packet`; its MTUs are 0 when there is none for the express lane.
[[gnu::always_inline]] inline void Pipeline::find_egress(be32 to, const Express& packet) {
    if (!leads_to_egress(to)) [[unlikely]] {
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
