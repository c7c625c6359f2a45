#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace homeward::worker {

/// Queues that a started device has; the index in a span of these is the DPDK port id.
struct PortQueues {
    std::string name;
    std::uint16_t rx = 1, tx = 1;
};

struct RxQueue {
    std::uint16_t device = 0, queue = 0;
    friend bool operator==(const RxQueue&, const RxQueue&) = default;
};

/// What one worker serves. Every rx queue, and every device's rings (from the kernel, hand-over), is in exactly one
/// worker's plan.
struct Plan {
    std::vector<RxQueue> rx;
    std::vector<std::uint16_t> home_devices;  ///< whose ports' rings it empties
    /// Its own tx queue by device; none: packets for that device go to its home worker by the hand-over ring.
    std::vector<std::optional<std::uint16_t>> tx;

    bool idle() const noexcept { return rx.empty() && home_devices.empty(); }
};

/// Spreads queues over workers: queue k of a device goes to the k-th worker after the device's home. A device with a
/// queue for each worker is at home at worker 0; devices with fewer are dealt out in turn, so that a second worker
/// takes the second single-queue device.
std::vector<Plan> plan_workers(unsigned workers, std::span<const PortQueues> devices);

/// Whose packets workers pass on to each other (redistribution.h).
enum class Redistribute : std::uint8_t {
    automatic,  ///< those of devices with fewer receive queues than there are workers
    never,
    always,  ///< all: for devices that have queues and put everything into the first
};

/// By device.
std::vector<bool> plan_redistribution(unsigned workers, std::span<const PortQueues> devices, Redistribute wanted);

/// One line about workers that share or lack queues, and what becomes of it; empty when every worker has its own queue
/// of every device.
std::string describe_shortage(unsigned workers, std::span<const PortQueues> devices, Redistribute wanted);

}  // namespace homeward::worker
