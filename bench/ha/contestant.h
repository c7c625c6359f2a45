#pragma once

#include <rte_ring.h>

#include <atomic>
#include <memory>
#include <string>

#include "exception/exception_path.h"
#include "population.h"
#include "tables/tables.h"
#include "worker/worker.h"

struct rte_lpm;

namespace bench {

/// Something that polls both ports and sends on what they give, on one core.
class Contestant {
  public:
    virtual ~Contestant() = default;
    /// Returns after stop(), which may be called from inside a receive call.
    virtual void run() = 0;
    virtual void stop() = 0;
};

/// The data plane's own worker loop and pipeline, with the exception path and its thread beside it.
class HomeAgent final : public Contestant {
  public:
    HomeAgent(tables::Tables& tables, exception::ExceptionPath& exception, rte_mempool* pool);
    ~HomeAgent() override;
    HomeAgent(const HomeAgent&) = delete;
    HomeAgent& operator=(const HomeAgent&) = delete;

    void run() override { worker_->run(); }
    void stop() override { worker_->stop(); }
    /// "name count, …" of every reason for which packets were dropped.
    std::string drops() const;

  private:
    std::vector<rte_ring*> hand_over_;
    rte_ring* requests_ = nullptr;
    std::unique_ptr<worker::Worker> worker_;
};

/// testpmd's io mode: what comes in by one port goes out by the other, unread.
class IoForward final : public Contestant {
  public:
    void run() override;
    void stop() override { stopping_.store(true, std::memory_order_relaxed); }

  private:
    std::atomic<bool> stopping_{false};
};

/// A router as DPDK's l3fwd example is one: RFC 1812 checks, longest-prefix match on the destination (rte_lpm), TTL,
/// checksum, both Ethernet addresses; no tunnel. It gets the same frames and the same routes.
class L3Forward final : public Contestant {
  public:
    L3Forward();
    ~L3Forward() override;
    L3Forward(const L3Forward&) = delete;
    L3Forward& operator=(const L3Forward&) = delete;

    void run() override;
    void stop() override { stopping_.store(true, std::memory_order_relaxed); }

  private:
    bool route(rte_mbuf* packet, std::uint16_t& port) const;

    rte_lpm* lpm_;
    std::atomic<bool> stopping_{false};
};

}  // namespace bench
