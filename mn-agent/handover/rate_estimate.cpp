#include "handover/rate_estimate.h"

namespace homeward::handover {
namespace {

/// A second in which queues merely drain, or in which the loss that filled them makes senders pause, is no verdict.
constexpr std::uint64_t kCaution = 4;

}  // namespace

void RateEstimate::sample(std::uint64_t bits_per_second, bool full) noexcept {
    if (bits_per_second > value_) {
        value_ = bits_per_second;
    } else if (full) {
        value_ -= (value_ - bits_per_second) / kCaution;
    }
    since_full_ = full ? 0 : since_full_ + 1;
    was_full_ = was_full_ || (full && value_ > 0);
}

std::optional<std::uint64_t> RateEstimate::value() const noexcept {
    return was_full_ ? std::optional{value_} : std::nullopt;
}

}  // namespace homeward::handover
