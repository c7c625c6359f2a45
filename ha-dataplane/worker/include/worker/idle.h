#pragma once

#include <algorithm>
#include <cstdint>

namespace homeward::worker {

/// When a worker that finds nothing to do may sleep, and how long. Pure: the worker counts, this answers.
///
/// A device that is software keeps its packets in the kernel's queue while the worker sleeps, so a nap costs latency
/// only, at most kLongestNs and the kernel's wake-up. A real NIC's ring at line rate lasts about that long: there
/// workers poll.
class Idle {
  public:
    static constexpr std::uint32_t kEmptyPolls = 32;
    static constexpr std::uint32_t kShortestNs = 10'000, kLongestNs = 100'000;

    explicit Idle(bool may_sleep) noexcept : may_sleep_(may_sleep) {}

    /// After one round of the loop that handled `packets`: nanoseconds to sleep, 0 for none.
    std::uint32_t after(unsigned packets) noexcept {
        if (packets != 0 || !may_sleep_) {
            empty_polls_ = 0;
            nap_ns_ = kShortestNs;
            return 0;
        }
        if (empty_polls_ < kEmptyPolls) {
            ++empty_polls_;
            return 0;
        }
        const std::uint32_t nap = nap_ns_;
        nap_ns_ = std::min(nap_ns_ * 2, kLongestNs);
        return nap;
    }

  private:
    bool may_sleep_;
    std::uint32_t empty_polls_ = 0;
    std::uint32_t nap_ns_ = kShortestNs;
};

}  // namespace homeward::worker
