#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <span>

#include "conditions.h"

namespace harness::link {

/// What became of the frames of one direction.
struct Tally {
    std::uint64_t arrived = 0;
    std::uint64_t lost = 0;        ///< by `loss` and `bursts`
    std::uint64_t overflowed = 0;  ///< the queue before the rate was full
    std::uint64_t vanished = 0;    ///< in a blackhole
    std::uint64_t reordered = 0;   ///< held back
    std::uint64_t duplicated = 0;
};

/// One direction of a link as a model: told when a frame of what size arrives, it says when the frame leaves. It has
/// no clock, so that it may be asked about any times, as long as they do not decrease. The same seed, conditions and
/// arrivals give the same answers.
///
/// A frame waits for those before it (rate, queue), then travels (delay, jitter). A change of conditions is for frames
/// that arrive after it; a blackhole alone also takes those under way, which the caller asks `dark` about.
class Way {
  public:
    explicit Way(std::uint64_t seed) : random_(seed) {}

    void set(const Conditions& conditions) noexcept { conditions_ = conditions; }
    const Conditions& conditions() const noexcept { return conditions_; }
    bool dark() const noexcept { return conditions_.blackhole; }

    /// When the frame's copies leave: none if it is lost, two if it is duplicated. Valid until the next call.
    std::span<const nanoseconds> carry(nanoseconds arrival, std::size_t bytes);

    /// A frame that was under way when it went dark.
    void vanish() noexcept { ++tally_.vanished; }
    const Tally& tally() const noexcept { return tally_; }

  private:
    bool happens(double probability);
    bool lost();
    bool overflows(nanoseconds arrival, std::size_t bytes) const;
    nanoseconds travel();

    Conditions conditions_;
    std::mt19937_64 random_;
    Tally tally_;
    bool bad_ = false;              ///< Gilbert–Elliott's state
    nanoseconds busy_until_{};      ///< when the last accepted frame has passed the rate
    nanoseconds last_departure_{};  ///< of those that keep their order
    std::array<nanoseconds, 2> departures_{};
};

}  // namespace harness::link
