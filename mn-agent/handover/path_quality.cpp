#include "handover/path_quality.h"

#include <algorithm>
#include <cmath>

namespace homeward::handover {
namespace {

using namespace std::chrono_literals;

constexpr Duration kFirstPatience = 1s;     // RFC 6298 §2.1
constexpr Duration kLeastVariation = 10ms;  // its G: a busy machine's timers are no finer
constexpr Duration kLeastQueue = 5ms;       // less is a busy machine's doing, or a radio's
constexpr int kForget = 512;                // measurements: at two a second under traffic, four minutes
constexpr double kByChance = 1e-6;
constexpr unsigned kLongestRun = 20;

Duration distance(Duration a, Duration b) {
    return a > b ? a - b : b - a;
}

}  // namespace

void PathQuality::note(bool lost) noexcept {
    bool& oldest = fates_[noted_ % kWindow];
    if (noted_ >= kWindow && oldest) {
        --losses_;
    }
    oldest = lost;
    losses_ += lost ? 1 : 0;
    ++noted_;
}

void PathQuality::answered(Duration round_trip) noexcept {
    measure(round_trip);
    note(false);
}

void PathQuality::answered_late(Duration round_trip) noexcept {
    measure(round_trip);
    for (unsigned back = 1; back <= std::min(noted_, kWindow); ++back) {
        bool& fate = fates_[(noted_ - back) % kWindow];
        if (fate) {
            fate = false;
            --losses_;
            return;
        }
    }
}

void PathQuality::measure(Duration round_trip) noexcept {
    if (!smoothed_) {
        smoothed_ = round_trip;
        variation_ = round_trip / 2;
        base_ = round_trip;
    } else {
        variation_ += (distance(*smoothed_, round_trip) - variation_) / 4;
        jitter_ += (distance(last_, round_trip) - jitter_) / 16;
        *smoothed_ += (round_trip - *smoothed_) / 8;
    }
    last_ = round_trip;
    base_ = std::min(round_trip, base_ + (round_trip - base_) / kForget);
}

bool PathQuality::full() const noexcept {
    return smoothed_ && *smoothed_ - base_ > std::max(kLeastQueue, base_ / 4);
}

std::optional<double> PathQuality::loss() const noexcept {
    if (noted_ == 0) {
        return std::nullopt;
    }
    return static_cast<double>(losses_) / std::min(noted_, kWindow);
}

Duration PathQuality::patience(Duration shortest) const noexcept {
    return smoothed_ ? std::max(shortest, *smoothed_ + std::max(4 * variation_, kLeastVariation)) : kFirstPatience;
}

unsigned PathQuality::run_that_tells(unsigned least) const noexcept {
    const double lost = loss().value_or(0);
    if (lost <= 0) {
        return least;
    }
    const double run = lost < 1 ? std::ceil(std::log(kByChance) / std::log(lost)) : kLongestRun;
    return std::max(least, static_cast<unsigned>(std::min<double>(run, kLongestRun)));
}

}  // namespace homeward::handover
