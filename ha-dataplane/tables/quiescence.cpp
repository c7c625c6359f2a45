#include "tables/quiescence.h"

#include <rte_pause.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace homeward::tables {

Quiescence::Quiescence(unsigned workers) {
    const std::size_t size = rte_rcu_qsbr_get_memsize(workers);
    const std::size_t rounded = (size + 63) / 64 * 64;
    state_ = static_cast<rte_rcu_qsbr*>(std::aligned_alloc(64, rounded));
    if (state_ == nullptr || rte_rcu_qsbr_init(state_, workers) != 0) {
        std::free(state_);
        throw std::bad_alloc{};
    }
}

Quiescence::~Quiescence() {
    for (Retired& retired : retired_) {
        retired.free();
    }
    std::free(state_);
}

void Quiescence::retire(std::function<void()> free) {
    retired_.push_back({rte_rcu_qsbr_start(state_), std::move(free)});
}

void Quiescence::reclaim() {
    while (!retired_.empty() && rte_rcu_qsbr_check(state_, retired_.front().token, false) == 1) {
        const auto free = std::move(retired_.front().free);
        retired_.pop_front();
        free();
    }
}

void Quiescence::drain() {
    while (!retired_.empty()) {
        reclaim();
        rte_pause();
    }
}

}  // namespace homeward::tables
