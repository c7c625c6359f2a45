#pragma once

#include <rte_ip.h>
#include <rte_udp.h>

#include <atomic>
#include <cstdint>

namespace rig {

enum Way : std::uint8_t { kUp, kDown };

/// What every packet of the traffic carries, so that it says by itself whose it is and which.
struct Mark {
    static constexpr std::uint32_t kMagic = 0xa5c35a3c;  ///< its bytes are no tunnel header's

    std::uint32_t magic = kMagic;
    std::uint32_t node = 0;
    std::uint32_t number = 0;  ///< in its flow, from 1
    std::uint8_t way = kUp;
    std::uint8_t which = 0;  ///< up: variant; down: peer
    std::uint16_t zero = 0;
};
static_assert(sizeof(Mark) == 16);

inline constexpr std::uint8_t kTtl = 64;      ///< of packets as they come
inline constexpr unsigned kTag = 4;           ///< of a VLAN
inline constexpr unsigned kTunnelHeader = 4;  ///< RFC 3519 3.3
inline constexpr unsigned kInner = sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr) + sizeof(Mark);
inline constexpr unsigned kOuter = sizeof(rte_ipv4_hdr) + sizeof(rte_udp_hdr) + kTunnelHeader;

/// One writer: a plain load and store.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace rig
