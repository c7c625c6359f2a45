#pragma once

#include <rte_mbuf.h>
#include <rte_prefetch.h>

#include <cstdint>

namespace homeward::pipeline {

/// How many packets ahead the frame's first lines are asked for.
inline constexpr unsigned kAhead = 8;

/// Two lines: Ethernet, outer IP, UDP and tunnel header end at byte 46, the inner addresses at byte 66.
inline void prefetch_frame(const rte_mbuf* mbuf) noexcept {
    const auto* data = rte_pktmbuf_mtod(mbuf, const std::uint8_t*);
    rte_prefetch0(data);
    rte_prefetch0(data + 64);
}

}  // namespace homeward::pipeline
