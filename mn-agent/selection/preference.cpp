#include "selection/preference.h"

#include <algorithm>
#include <cmath>

namespace homeward::selection {

Preference::Preference(const Settings& settings) : settings_(settings), wanted_(settings.usual) {
    variance_.fill(settings.variance);
}

bool Preference::contradictory(Seconds now) const {
    const auto recent = std::count_if(turns_.begin(), turns_.end(),
                                      [&](const Turn& each) { return now - each.at <= settings_.contradiction_s; });
    return recent > static_cast<std::ptrdiff_t>(settings_.contradictions);
}

void Preference::learn(std::size_t dimension, double score, Seconds now) {
    const double sign = score > 0 ? 1 : -1;
    if (last_sign_[dimension] * sign < 0) {
        if (turns_.full()) {
            turns_.erase(turns_.begin());
        }
        turns_.push_back({now});
    }
    last_sign_[dimension] = sign;
    double change = settings_.step * score;
    if (contradictory(now)) {
        change = settings_.frozen_step * score;
    } else if (settings_.learning == Learning::bayesian) {
        double& variance = variance_[dimension];
        const double gain = variance / (variance + settings_.score_variance);
        change = gain * settings_.score_scale * score;
        variance *= 1 - gain;
        variance = std::max(variance, settings_.variance / 16);  // wishes change
    }
    wanted_[dimension] = std::clamp(wanted_[dimension] + change, 0.0, 1.0);
}

void Preference::score(const Score& score, Seconds now) {
    const std::array<double, kDimensions> given{score.performance, score.energy, score.offloading, score.continuity};
    for (std::size_t d = 0; d < kDimensions; ++d) {
        if (std::isfinite(given[d]) && given[d] != 0) {
            learn(d, std::clamp(given[d], -2.0, 2.0), now);
        }
    }
}

void Preference::fade(Seconds now) {
    if (faded_ && now > *faded_) {
        const double keep = std::exp2(-(now - *faded_) / settings_.half_life_s);
        for (std::size_t d = 0; d < kDimensions; ++d) {
            wanted_[d] = settings_.usual[d] + keep * (wanted_[d] - settings_.usual[d]);
        }
    }
    faded_ = now;
}

bool Preference::restore(const Vector& vector) {
    if (!std::all_of(vector.begin(), vector.end(), [](double value) { return value >= 0 && value <= 1; })) {
        return false;
    }
    wanted_ = vector;
    return true;
}

}  // namespace homeward::selection
