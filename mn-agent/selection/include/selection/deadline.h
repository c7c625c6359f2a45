#pragma once

#include <cstdint>

namespace homeward::selection {

/// When an engine has to be done. The clock is the caller's; an engine only asks whether time is up.
class Deadline {
  public:
    /// Microseconds that never go back; `context` is what was given with the function.
    using Clock = std::uint64_t (*)(void* context);

    /// No deadline: decisions depend on what was observed alone.
    Deadline() = default;
    Deadline(Clock clock, void* context, std::uint64_t at_us) : clock_(clock), context_(context), at_us_(at_us) {}

    /// The same, earlier by so much: for who needs that long to come to an end.
    Deadline sooner(std::uint64_t microseconds) const {
        return {clock_, context_, at_us_ - (at_us_ < microseconds ? at_us_ : microseconds)};
    }
    bool passed() const { return clock_ != nullptr && clock_(context_) >= at_us_; }

  private:
    Clock clock_ = nullptr;
    void* context_ = nullptr;
    std::uint64_t at_us_ = 0;
};

}  // namespace homeward::selection
