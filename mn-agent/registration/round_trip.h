#pragma once

#include <algorithm>
#include <chrono>
#include <optional>

namespace homeward::mn::registration {

/// Smoothed round-trip time of one uplink to the home agent. Every request and every echo carries a value of its own,
/// so that each answer is a sample, retransmitted or not.
class RoundTrip {
  public:
    using Duration = std::chrono::nanoseconds;

    void sample(Duration measured) noexcept {
        constexpr int kWeight = 8;
        smoothed_ = smoothed_ ? *smoothed_ + (measured - *smoothed_) / kWeight : measured;
    }
    void reset() noexcept { smoothed_.reset(); }
    std::optional<Duration> smoothed() const noexcept { return smoothed_; }

    /// How long the first request waits for its answer (RFC 5944 §3.6.3).
    Duration timeout() const noexcept {
        using namespace std::chrono_literals;
        return std::max<Duration>(1s, 2 * smoothed_.value_or(0s) + 100ms);
    }

  private:
    std::optional<Duration> smoothed_;
};

}  // namespace homeward::mn::registration
