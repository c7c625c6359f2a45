#pragma once

#include <cstddef>
#include <vector>

#include "selection/assignment.h"

namespace homeward::papers {

/// Of every point that a solver (ExactFront, BranchFront, Nsga2) found.
template <typename Front>
std::vector<selection::Cost> costs_of(const Front& front) {
    std::vector<selection::Cost> costs;
    for (std::size_t i = 0; i < front.size(); ++i) {
        costs.push_back(front.cost(i));
    }
    return costs;
}

}  // namespace homeward::papers
