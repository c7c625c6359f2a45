#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace homeward::worker {

/// Queues that a started port has; the index in a span of these is the DPDK port id.
struct PortQueues {
    std::string name;
    std::uint16_t rx = 1, tx = 1;
};

struct RxQueue {
    std::uint16_t port = 0, queue = 0;
    friend bool operator==(const RxQueue&, const RxQueue&) = default;
};

/// What one worker serves. Every rx queue, every port's ring from the kernel and every port's hand-over ring is in
/// exactly one worker's plan.
struct Plan {
    std::vector<RxQueue> rx;
    std::vector<std::uint16_t> home_ports;  ///< whose rings (from the kernel, hand-over) it empties
    /// Its own tx queue by port id; none: packets for that port go to its home worker by the hand-over ring.
    std::vector<std::optional<std::uint16_t>> tx;

    bool idle() const noexcept { return rx.empty() && home_ports.empty(); }
};

/// Spreads queues over workers: queue k of a port goes to the k-th worker after the port's home. A port with a queue
/// for each worker is at home at worker 0; ports with fewer are dealt out in turn, so that a second worker takes the
/// second single-queue port.
std::vector<Plan> plan_workers(unsigned workers, std::span<const PortQueues> ports);

/// One line about workers that share or lack queues; empty when every worker has its own queue of every port.
std::string describe_shortage(unsigned workers, std::span<const PortQueues> ports);

}  // namespace homeward::worker
