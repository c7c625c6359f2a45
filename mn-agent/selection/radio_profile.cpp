#include "selection/radio_profile.h"

#include <algorithm>
#include <array>

namespace homeward::selection {

const RadioProfile& usual_profile(Technology technology) {
    static constexpr std::array<RadioProfile, 5> kProfiles{kWired, kWlanAria, kUmtsAria, kLteAria, kLteAria};
    return kProfiles[static_cast<std::size_t>(technology)];
}

/// What the radio draws in `span` after its last traffic.
double EnergyMeter::rest_j(Seconds span) const {
    const Seconds first = std::min(span, profile_.tail1_s);
    const Seconds second = std::min(span - first, profile_.tail2_s);
    return first * profile_.tail1_w + second * profile_.tail2_w + (span - first - second) * profile_.idle_w;
}

void EnergyMeter::busy(Seconds from, Seconds to, double mbps) {
    if (to <= until_) {
        return;
    }
    if (!used_) {
        joules_ += from * profile_.idle_w + profile_.wake_from_idle_j;
    } else if (from > until_) {
        const Seconds span = from - until_;
        joules_ += rest_j(span);
        if (span > profile_.tail1_s + profile_.tail2_s) {
            joules_ += profile_.wake_from_idle_j;
        } else if (span > profile_.tail1_s) {
            joules_ += profile_.wake_from_tail2_j;
        }
    }
    const Seconds start = used_ ? std::max(from, until_) : from;
    joules_ += (to - start) * (profile_.active_w + profile_.active_w_per_mbps * mbps);
    until_ = to;
    used_ = true;
}

double EnergyMeter::joules(Seconds end) const {
    return used_ ? joules_ + rest_j(end - until_) : end * profile_.idle_w;
}

}  // namespace homeward::selection
