#pragma once

#include <rte_ethdev.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "exception/exception_path.h"
#include "pipeline/output.h"
#include "pipeline/pipeline.h"
#include "stats/counters.h"
#include "tables/tables.h"
#include "worker/idle.h"
#include "worker/plan.h"
#include "worker/redistribution.h"
#include "worker/vlan.h"

namespace homeward::worker {

/// What all workers share.
struct Surroundings {
    tables::Tables* tables = nullptr;
    exception::ExceptionPath* exception = nullptr;
    rte_ring* requests = nullptr;      ///< of pipeline::Request, to the mailbox thread
    std::vector<rte_ring*> hand_over;  ///< by port id: packets for a port, from those without a tx queue of it
    std::vector<bool> multi_segment;   ///< by device: it sends chained mbufs
    rte_mempool* pool = nullptr;
    pipeline::Reassembly::Bounds reassembly{};
    std::uint32_t resend_ms = 0;  ///< pipeline::Pipeline::Config
    bool may_sleep = false;
    std::vector<Place> places;                 ///< by port id; empty: each device is one port, of the same id
    Redistribution* redistribution = nullptr;  ///< null: no worker passes packets on
};

/// One polling thread's numbers beside the pipeline's. Written by it only.
struct LoopCounters {
    std::atomic<std::uint64_t> rounds{0}, busy_rounds{0}, packets{0}, naps{0};
    std::atomic<std::uint64_t> passed_on{0};  ///< of `packets`, to other workers, which count them again
};

/// What one worker carried for a port that is a VLAN of its device; bytes without the tag. `tx` was handed to the
/// device: what that refused is a drop, too. Written by the worker only.
struct VlanCounters {
    std::atomic<std::uint64_t> rx_packets{0}, rx_bytes{0}, tx_packets{0}, tx_bytes{0};
};

/// One worker: polls its queues and rings, runs the pipeline, sends what comes out. Made and destroyed by the main
/// thread, which also launches `run` on an lcore.
///
/// Between rounds it reports itself quiescent; when it naps it is offline for the tables' writer, which then does not
/// wait for it. In a round it neither allocates nor locks, and calls the system only inside a driver's bursts.
class Worker {
  public:
    Worker(unsigned number, Plan plan, const Surroundings& surroundings);

    /// Returns after stop(); packets still in its hands are freed by the destructor.
    void run();
    void stop() noexcept { stopping_.store(true, std::memory_order_relaxed); }

    unsigned number() const noexcept { return number_; }
    /// Nothing is ever for it to do.
    bool idle() const noexcept { return plan_.idle() && inbox().empty(); }
    const stats::Counters& counters() const noexcept { return *counters_; }
    const LoopCounters& loop() const noexcept { return own_->loop; }
    const VlanCounters& vlan(std::uint16_t port) const noexcept { return own_->vlan_counters[port]; }

  private:
    static constexpr unsigned kBurst = pipeline::Pipeline::kBurst;

    /// What only this worker writes, on cache lines of its own.
    struct alignas(64) Own {
        Own(bool may_sleep, const pipeline::Pipeline::Config& config) : idle(may_sleep), pipeline(config) {}

        LoopCounters loop;
        Idle idle;
        pipeline::Pipeline pipeline;
        pipeline::Output output;
        /// Frames of a device with VLANs, by port; empty between calls.
        std::array<Redistribution::Frames, tables::kMaxPorts> by_port;
        Redistribution::Frames refused;
        std::array<VlanCounters, tables::kMaxPorts> vlan_counters;  ///< by port
    };

    unsigned poll_wire(std::uint64_t now);
    unsigned poll_inbox(std::uint64_t now);
    unsigned poll_kernel(std::uint64_t now);
    unsigned poll_hand_over();
    unsigned pass_on(std::uint16_t device, rte_mbuf** frames, unsigned count);
    void receive(std::uint16_t device, rte_mbuf** frames, unsigned count, std::uint64_t now);
    void receive_tagged(std::uint16_t device, rte_mbuf** frames, unsigned count, std::uint64_t now);
    void process(std::uint16_t port, pipeline::Origin origin, rte_mbuf** frames, unsigned count, std::uint64_t now);
    std::span<rte_ring* const> inbox() const noexcept;
    void flush();
    void flush_tx(std::uint16_t port, rte_mbuf** packets, unsigned count);
    unsigned linearize(rte_mbuf** packets, unsigned count);
    unsigned put_tags(std::uint16_t port, rte_mbuf** packets, unsigned count);
    unsigned prepare(std::uint16_t device, std::uint16_t queue, rte_mbuf** packets, unsigned count);
    void flush_kernel(std::uint16_t port);
    void drop(rte_mbuf** packets, unsigned count, stats::Drop reason);
    void nap(std::uint32_t nanoseconds);
    void count_round(unsigned packets);

    unsigned number_;
    Plan plan_;
    Surroundings around_;
    std::unique_ptr<stats::Counters> counters_;
    std::vector<VlanPorts> devices_;         ///< by DPDK port id
    std::vector<std::uint16_t> home_ports_;  ///< the ports of the devices that are at home here
    std::unique_ptr<Own> own_;
    std::atomic<bool> stopping_{false};
};

}  // namespace homeward::worker
