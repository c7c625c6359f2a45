#pragma once

#include <rte_ethdev.h>
#include <rte_ring.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "exception/exception_path.h"
#include "pipeline/output.h"
#include "pipeline/pipeline.h"
#include "stats/counters.h"
#include "tables/tables.h"
#include "worker/idle.h"
#include "worker/plan.h"

namespace homeward::worker {

/// What all workers share.
struct Surroundings {
    tables::Tables* tables = nullptr;
    exception::ExceptionPath* exception = nullptr;
    rte_ring* requests = nullptr;      ///< of pipeline::Request, to the mailbox thread
    std::vector<rte_ring*> hand_over;  ///< by port id: packets for a port, from those without a tx queue of it
    std::vector<bool> multi_segment;   ///< by port id: the device sends chained mbufs
    rte_mempool* pool = nullptr;
    pipeline::Reassembly::Bounds reassembly{};
    bool may_sleep = false;
};

/// One polling thread's numbers beside the pipeline's. Written by it only.
struct LoopCounters {
    std::atomic<std::uint64_t> rounds{0}, busy_rounds{0}, packets{0}, naps{0};
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
    const Plan& plan() const noexcept { return plan_; }
    const stats::Counters& counters() const noexcept { return *counters_; }
    const LoopCounters& loop() const noexcept { return loop_; }

  private:
    static constexpr unsigned kBurst = pipeline::Pipeline::kBurst;

    unsigned poll_wire(std::uint64_t now);
    unsigned poll_kernel(std::uint64_t now);
    unsigned poll_hand_over();
    void flush();
    void flush_tx(std::uint16_t port, rte_mbuf** packets, unsigned count);
    unsigned linearize(rte_mbuf** packets, unsigned count);
    void flush_kernel(std::uint16_t port);
    void drop(rte_mbuf** packets, unsigned count, stats::Drop reason);
    void nap(std::uint32_t nanoseconds);
    void count_round(unsigned packets);

    unsigned number_;
    Plan plan_;
    Surroundings around_;
    std::unique_ptr<stats::Counters> counters_;
    LoopCounters loop_;
    Idle idle_;
    std::unique_ptr<pipeline::Pipeline> pipeline_;
    std::unique_ptr<pipeline::Output> output_;
    std::atomic<bool> stopping_{false};
};

}  // namespace homeward::worker
