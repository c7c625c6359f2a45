#pragma once

#include <rte_mbuf.h>
#include <rte_ring.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "pipeline/output.h"
#include "pipeline/pipeline.h"
#include "result/result.h"
#include "worker/plan.h"

namespace homeward::worker {

/// A hash of an IPv4 frame's two addresses, as they are on the wire: a tunnel's outer ones on the access side, the
/// inner ones on the home side. Tagged frames too. None for what is not IPv4.
std::optional<std::uint32_t> hash_addresses(const rte_mbuf& frame) noexcept;

/// Spreads packets over workers where devices do not.
///
/// Theory of operation. The worker that polls such a device's queue looks at the addresses of each frame, keeps its own
/// share and puts the others' into rings. There is a ring for each pair of workers, so each has one producer and one
/// consumer, and a burst costs no more than one store per receiver that others read. Two addresses always lead to the
/// same worker, by one queue and one ring: a flow keeps its order, and fragments, which have no ports, stay with the
/// rest of it. What is not IPv4 stays with the worker that received it. A full ring refuses: waiting for a worker that
/// is behind would only lose packets at the device instead, those of other workers, too.
///
/// Made by the main thread before the workers start; then each worker calls with its own number only.
class Redistribution {
  public:
    static constexpr unsigned kBurst = pipeline::Pipeline::kBurst;
    /// What may lie in all rings to one worker, about.
    static constexpr unsigned kPerWorker = 4096;

    using Frames = pipeline::List<rte_mbuf*, kBurst>;

    /// `devices`: of plan_redistribution. Null when there is none in it.
    static Result<std::unique_ptr<Redistribution>> create(std::span<const Plan> plans, std::vector<bool> devices,
                                                          int socket);
    ~Redistribution();
    Redistribution(const Redistribution&) = delete;
    Redistribution& operator=(const Redistribution&) = delete;

    bool covers(std::uint16_t device) const noexcept { return devices_[device]; }

    /// Passes on what other workers are to process. Returns how many stay, which are then the first of `frames`, in
    /// their order. What found its ring full is in `refused` and the caller's.
    unsigned pass_on(unsigned worker, std::uint16_t device, rte_mbuf** frames, unsigned count,
                     Frames& refused) noexcept;

    /// Rings to `worker`. In each, `mbuf->port` is the device a frame came in by.
    std::span<rte_ring* const> inbox(unsigned worker) const noexcept { return ends_[worker].in; }

  private:
    /// One worker's, on cache lines of its own.
    struct alignas(64) End {
        std::vector<rte_ring*> out;  ///< by worker; null for itself, and when it polls no such device
        std::vector<rte_ring*> in;
        std::vector<Frames> outgoing;     ///< by worker; empty between calls
        std::vector<unsigned> receivers;  ///< who has something in `outgoing`
    };

    Redistribution(unsigned workers, std::vector<bool> devices);
    Status make_rings(std::span<const unsigned> producers, int socket);

    std::vector<bool> devices_;
    std::vector<End> ends_;
};

}  // namespace homeward::worker
