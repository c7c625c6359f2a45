#pragma once

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <cstdint>

namespace homeward::pipeline {

/// How many packets ahead the frame's first lines are asked for.
inline constexpr unsigned kAhead = 8;

/// The headers up to the tunnel's, which end at byte 46, and the beginning of an inner one.
inline void prefetch_headers(const rte_mbuf* mbuf) noexcept {
    rte_prefetch0(rte_pktmbuf_mtod(mbuf, const void*));
}

/// The inner addresses, too, which end at byte 66.
inline void prefetch_frame(const rte_mbuf* mbuf) noexcept {
    const auto* data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    rte_prefetch0(data);
    rte_prefetch0(data + 64);
}

}  // namespace homeward::pipeline
