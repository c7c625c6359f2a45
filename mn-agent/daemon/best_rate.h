#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>

namespace homeward::mn {

/// The most that one direction of an uplink carried in any second of the last minute, in bit/s: a lower bound of what
/// it can carry, and after a transfer that filled it the best estimate there is without filling it on purpose.
class BestRate {
  public:
    /// Once a second.
    void sample(std::uint64_t bits_per_second) noexcept { seconds_[next_++ % seconds_.size()] = bits_per_second; }
    std::uint64_t value() const noexcept { return *std::max_element(seconds_.begin(), seconds_.end()); }

  private:
    std::array<std::uint64_t, 60> seconds_{};
    std::size_t next_ = 0;
};

}  // namespace homeward::mn
