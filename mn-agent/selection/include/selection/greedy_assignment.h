#pragma once

#include <span>
#include <vector>

#include "selection/assignment.h"

namespace homeward::selection {

/// An assignment that is good by one weighing of power against shortfall: flows from the largest demand on, each where
/// it adds least; then single flows move while that gains. `watts_per_mbps`: what a missing Mbps counts, in watts; 0
/// looks at power alone. Parked when no interface is available.
Assignment assign_greedily(const CostModel& model, double watts_per_mbps);

/// Weighings that spread over a front, from power alone to shortfall alone, W per Mbps.
std::span<const double> spread_of_weighings();

/// `assign_greedily` by each of them.
std::vector<Assignment> greedy_assignments(const AssignmentProblem& problem);

}  // namespace homeward::selection
