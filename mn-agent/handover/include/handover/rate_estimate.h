#pragma once

#include <cstdint>
#include <optional>

namespace homeward::handover {

/// How much an uplink can carry, from what it carried while it was full.
///
/// What flows ask for says nothing of a link that has room left, so only a second in which packets queued on the path
/// can lower the estimate; whatever was carried can raise it. Otherwise a share once small would prove itself: little
/// is sent, little arrives, less is sent.
class RateEstimate {
  public:
    /// The uplink leads through another network.
    void reset() noexcept { *this = {}; }
    /// What a second carried, in bit/s, and whether the path was full in it (PathQuality::full).
    void sample(std::uint64_t bits_per_second, bool full) noexcept;
    /// bit/s; nullopt: it was never full.
    std::optional<std::uint64_t> value() const noexcept;
    /// The same; nullopt, too, when it was not full in the last `seconds`: links that carry little are not measured,
    /// and what was is long ago.
    std::optional<std::uint64_t> value_of_last(std::uint32_t seconds) const noexcept {
        return since_full_ < seconds ? value() : std::nullopt;
    }

  private:
    std::uint64_t value_ = 0;
    std::uint32_t since_full_ = 0;  // seconds
    bool was_full_ = false;
};

}  // namespace homeward::handover
