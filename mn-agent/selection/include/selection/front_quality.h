#pragma once

#include <span>
#include <vector>

#include "selection/assignment.h"

namespace homeward::selection {

/// How well `found` approximates the exact front, in power and shortfall.
struct FrontQuality {
    double recall = 0;       // of the exact points, those found
    double precision = 0;    // of the points found, those exact
    double hypervolume = 0;  // of the exact front's
    double igd_plus = 0;     // mean of ‖max(found − exact, 0)‖, in units of the exact front's ranges
};

/// Area dominated within the reference point; 0 for points beyond it.
double hypervolume(std::span<const Cost> front, double reference_power, double reference_shortfall);
/// Reference point: 1.1 times the exact front's worst power; 1.1 times its worst shortfall + 0.1 Mbps. Neither is
/// empty.
FrontQuality front_quality(std::span<const Cost> found, std::span<const Cost> exact);
/// Removes what is dominated or repeated; sorts by power.
void keep_nondominated(std::vector<Cost>& points);

}  // namespace homeward::selection
