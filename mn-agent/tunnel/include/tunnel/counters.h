#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

namespace homeward::tunnel {

/// Why the tunnel gave up a packet. Listed by name in `homeward show drops`.
enum class Drop : std::uint8_t {
    no_uplink,          ///< up: the policy names no uplink that is usable
    not_ipv4,           ///< up: the interface carries IPv4 only
    queue_full,         ///< up: the uplink's socket does not take more, and the packet came over another queue
    too_big,            ///< up: larger than the path; the interface's MTU follows
    bad_offload,        ///< up: the kernel left work on the packet that the agent did not offer to do
    send_failed,        ///< up: refused by the kernel for another reason
    not_tunnel_data,    ///< down: neither registration nor tunnelled IPv4
    inner_malformed,    ///< down
    inner_checksum,     ///< down
    inner_destination,  ///< down: not the home address
    duplicate,          ///< down: a packet of this number came already
    inner_ecn,          ///< down: RFC 6040, congestion that the inner packet cannot carry
    control_full,       ///< down: more registration messages than the agent takes
    interface_refused,  ///< down: the kernel did not take the packet from homeward0
    count
};
inline constexpr std::size_t kDrops = static_cast<std::size_t>(Drop::count);
std::string_view name(Drop drop) noexcept;

/// One uplink's traffic, inner bytes. Writer: the tunnel's thread; read by anybody.
struct UplinkCounters {
    std::atomic<std::uint64_t> tx_packets{0}, tx_bytes{0}, rx_packets{0}, rx_bytes{0};
    /// Packets that arrived in another uplink's queue and were moved here.
    std::atomic<std::uint64_t> moved{0};
    /// Of those sent, packets that another uplink carries, too: policy::Mode::redundant.
    std::atomic<std::uint64_t> copies{0};
};

/// Adds without a locked instruction: there is one writer.
inline void add(std::atomic<std::uint64_t>& counter, std::uint64_t amount) noexcept {
    counter.store(counter.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
}

}  // namespace homeward::tunnel
