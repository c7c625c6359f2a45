#pragma once

#include <cstdint>
#include <span>

#include "selection/decision.h"

namespace homeward::selection {

/// How one point of a Pareto front is chosen.
enum class ChoiceRule : std::uint8_t {
    fewest_moves,  ///< of the points with almost the least shortfall the one with fewest moves, then least power
    least_power,   ///< of the same points the one with least power, whatever moves
    battery,       ///< power weighs more the emptier the battery is
    knee,          ///< farthest from the line between the front's ends
};

struct ChoiceSettings {
    ChoiceRule rule = ChoiceRule::fewest_moves;
    /// Shortfall above the least that counts as the least, as a part of all demand.
    double slack = 0.05;
};

/// The chosen point's place. `front` is not empty; `demand_mbps` is of all flows, `battery` 0 … 1. Ties: the first.
std::size_t choose(std::span<const Objectives> front, const ChoiceSettings& settings, double demand_mbps,
                   double battery);

}  // namespace homeward::selection
