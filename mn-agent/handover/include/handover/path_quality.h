#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>

namespace homeward::handover {

using Duration = std::chrono::nanoseconds;

/// What the probes of one path told: round trip, its variation, loss. The present values are what a path's timers,
/// `homeward show uplinks` and selection engines use.
class PathQuality {
  public:
    /// The path leads elsewhere now: nothing learned holds.
    void reset() noexcept { *this = {}; }

    void answered(Duration round_trip) noexcept;
    /// When is not known: it lay somewhere in the node meanwhile.
    void answered_unseen() noexcept { note(false); }
    void lost() noexcept { note(true); }
    /// One that `lost` spoke of came after all: no loss, and its time counts.
    void answered_late(Duration round_trip) noexcept;

    /// Smoothed as RFC 6298 says (1/8); its mean deviation (1/4).
    std::optional<Duration> round_trip() const noexcept { return smoothed_; }
    Duration variation() const noexcept { return variation_; }
    /// Mean difference between one round trip and the next, as RFC 3550 §6.4.1 weighs it (1/16).
    Duration jitter() const noexcept { return jitter_; }
    /// The shortest of late: what the path takes while nothing queues on it. Follows the present upwards within
    /// minutes.
    std::optional<Duration> base() const noexcept { return smoothed_ ? std::optional{base_} : std::nullopt; }
    /// Packets queue on the path now: it carries all that it can, one way at least.
    bool full() const noexcept;
    /// Of the last 50 probes, those that were not answered, 0 to 1; nullopt before the first.
    std::optional<double> loss() const noexcept;

    /// How long an answer may take: max(`shortest`, round trip + 4·variation), before the first one a second.
    Duration patience(Duration shortest) const noexcept;
    /// How many probes in a row, `least` at the very least, must be unanswered before that says more than the loss
    /// that this path always has: as many as are lost in a row by chance one time in a million, and never more than 20.
    unsigned run_that_tells(unsigned least) const noexcept;

  private:
    static constexpr unsigned kWindow = 50;

    void note(bool lost) noexcept;
    void measure(Duration round_trip) noexcept;

    std::optional<Duration> smoothed_;
    Duration variation_{};
    Duration jitter_{};
    Duration last_{};
    Duration base_{};
    std::array<bool, kWindow> fates_{};
    unsigned noted_ = 0;  ///< ever
    unsigned losses_ = 0;
};

}  // namespace homeward::handover
