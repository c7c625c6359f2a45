#include "selection/front_choice.h"

#include <algorithm>
#include <cmath>
#include <tuple>

namespace homeward::selection {
namespace {

struct Range {
    double low = 0;
    double high = 0;
    double normalised(double value) const { return high > low ? (value - low) / (high - low) : 0; }
};

Range range_of(std::span<const Objectives> front, double Objectives::*objective) {
    Range range{front[0].*objective, front[0].*objective};
    for (const Objectives& point : front) {
        range.low = std::min(range.low, point.*objective);
        range.high = std::max(range.high, point.*objective);
    }
    return range;
}

std::size_t least(std::span<const Objectives> front, double allowed, bool by_moves) {
    std::size_t best = front.size();
    const auto key = [&](std::size_t i) { return std::tuple{by_moves ? front[i].moves : 0, front[i].power_w}; };
    for (std::size_t i = 0; i < front.size(); ++i) {
        if (front[i].shortfall_mbps <= allowed && (best == front.size() || key(i) < key(best))) {
            best = i;
        }
    }
    return best;
}

/// The place where `worth(power, shortfall)`, both normalised, is largest.
template <typename Worth>
std::size_t highest(std::span<const Objectives> front, const Worth& worth) {
    const Range power = range_of(front, &Objectives::power_w);
    const Range shortfall = range_of(front, &Objectives::shortfall_mbps);
    std::size_t best = 0;
    double value = -INFINITY;
    for (std::size_t i = 0; i < front.size(); ++i) {
        const double here = worth(power.normalised(front[i].power_w), shortfall.normalised(front[i].shortfall_mbps));
        if (here > value + 1e-12) {
            value = here;
            best = i;
        }
    }
    return best;
}

}  // namespace

std::size_t choose(std::span<const Objectives> front, const ChoiceSettings& settings, double demand_mbps,
                   double battery) {
    switch (settings.rule) {
        case ChoiceRule::battery:
            return highest(
                front, [&](double power, double shortfall) { return -((1 - battery) * power + battery * shortfall); });
        case ChoiceRule::knee:  // ends are (0, 1) and (1, 0): the distance below their chord grows with 1 − x − y
            return highest(front, [](double power, double shortfall) { return 1 - power - shortfall; });
        case ChoiceRule::fewest_moves:
        case ChoiceRule::least_power:
            break;
    }
    const double shortest = range_of(front, &Objectives::shortfall_mbps).low;
    return least(front, shortest + settings.slack * demand_mbps + 1e-9, settings.rule == ChoiceRule::fewest_moves);
}

}  // namespace homeward::selection
