#pragma once

#include <rte_rcu_qsbr.h>

#include <cstdint>
#include <deque>
#include <functional>

namespace homeward::tables {

/// When memory that workers may still read can be freed. A worker is online while it may hold pointers into the
/// tables; between bursts it says `quiescent`. The writer retires what it has unpublished, and `reclaim` frees it
/// once every online worker has been quiescent since.
class Quiescence {
  public:
    /// `workers`: thread ids are 0 … workers − 1.
    explicit Quiescence(unsigned workers);
    ~Quiescence();
    Quiescence(const Quiescence&) = delete;
    Quiescence& operator=(const Quiescence&) = delete;

    // Worker.
    void online(unsigned worker) noexcept {
        rte_rcu_qsbr_thread_register(state_, worker);
        rte_rcu_qsbr_thread_online(state_, worker);
    }
    void quiescent(unsigned worker) noexcept { rte_rcu_qsbr_quiescent(state_, worker); }
    /// Before sleeping or ending: the writer does not wait for this worker until it is online again.
    void offline(unsigned worker) noexcept { rte_rcu_qsbr_thread_offline(state_, worker); }

    // Writer.
    void retire(std::function<void()> free);
    /// Frees what no worker can see any more; never waits.
    void reclaim();
    /// Waits until everything retired is freed.
    void drain();
    std::size_t pending() const noexcept { return retired_.size(); }

  private:
    struct Retired {
        std::uint64_t token;
        std::function<void()> free;
    };

    rte_rcu_qsbr* state_;
    std::deque<Retired> retired_;  ///< writer only
};

}  // namespace homeward::tables
