#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <thread>
#include <vector>

#include "exception/token_bucket.h"
#include "exception/twin.h"
#include "pipeline/output.h"
#include "result/result.h"
#include "stats/counters.h"

namespace homeward::exception {

struct Limits {
    std::uint32_t registration_pps = 20000, arp_pps = 2000, other_pps = 5000;
};

/// The way between the workers and the kernel: one thread, rings, and the TAP twins.
///
/// Theory of operation. A worker puts a packet for the kernel into the ring of its class, with `mbuf->port` naming the
/// twin; a full ring refuses, so that the worst a flood costs a worker is that refusal. The exception thread empties
/// the rings, registration first, drops what exceeds the class's rate, and writes the rest to the twins; what the
/// kernel sends into a twin it reads into mbufs and puts into the ring of that port, which one worker empties. A ring
/// per class, so that junk cannot take a registration's place; a limit on this side of the TAP, so that it cannot take
/// the kernel's time either. Workers make no system call to wake this thread: it looks at the rings by itself, without
/// pause while there is work, and then at growing intervals up to kLongestNap.
// NOLINTNEXTLINE(clang-analyzer-optin.performance.Padding): members stand in the order of their meaning
class ExceptionPath {
  public:
    /// `twins[port id]`; `pool` feeds what is read from the kernel.
    static Result<std::unique_ptr<ExceptionPath>> create(std::vector<Twin> twins, const Limits& limits,
                                                         rte_mempool* pool);
    ~ExceptionPath();
    ExceptionPath(const ExceptionPath&) = delete;
    ExceptionPath& operator=(const ExceptionPath&) = delete;

    void start();
    void stop();

    /// Worker: how many of `packets` were taken; the rest is still the caller's. Each `mbuf->port` names the twin.
    unsigned to_kernel(pipeline::KernelClass kind, rte_mbuf** packets, unsigned count) noexcept {
        return rte_ring_enqueue_burst(to_kernel_[static_cast<std::size_t>(kind)],
                                      reinterpret_cast<void* const*>(packets), count, nullptr);
    }
    /// The one worker that serves `port`: up to `room` packets that the kernel sent.
    unsigned from_kernel(std::uint16_t port, rte_mbuf** packets, unsigned room) noexcept {
        return rte_ring_dequeue_burst(from_kernel_[port], reinterpret_cast<void**>(packets), room, nullptr);
    }

    const std::vector<Twin>& twins() const noexcept { return twins_; }
    const stats::Counters& counters() const noexcept { return counters_; }

  private:
    ExceptionPath(std::vector<Twin> twins, const Limits& limits, rte_mempool* pool);
    Status make_rings();
    void run();
    unsigned serve_rings();
    void write(rte_mbuf* packet);
    unsigned serve_twin(std::uint16_t port);
    rte_mbuf* read(const Twin& twin);
    void pause(unsigned idle_rounds);

    std::vector<Twin> twins_;
    std::array<TokenBucket, pipeline::kKernelClasses> buckets_;
    rte_mempool* pool_;
    std::array<rte_ring*, pipeline::kKernelClasses> to_kernel_{};
    std::vector<rte_ring*> from_kernel_;  ///< by port id
    stats::Counters counters_;            ///< writer: the exception thread
    int epoll_ = -1;
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace homeward::exception
