#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "selection/assignment.h"
#include "selection/bounded.h"

namespace homeward::selection {

inline constexpr std::size_t kMaxAttributes = 10;

/// Multiple attribute decision making: alternatives are rows, attributes columns. Values are ≥ 0.
struct DecisionTable {
    struct Attribute {
        bool benefit = true;  // false: a cost, less is better
        double weight = 0;
    };
    Bounded<Attribute, kMaxAttributes> attributes;
    Bounded<std::array<double, kMaxAttributes>, kMaxInterfaces> alternatives;
};

enum class MadmMethod : std::uint8_t { saw, mew, topsis };

using Scores = Bounded<double, kMaxInterfaces>;
/// A score for each alternative, more is better. Columns of zeros are dropped and the other weights grow; a cost of 0
/// counts as a millionth of the column's largest.
Scores score(const DecisionTable& table, MadmMethod method);

using PairwiseMatrix = std::array<std::array<double, kMaxAttributes>, kMaxAttributes>;
struct AhpWeights {
    Bounded<double, kMaxAttributes> weights;  // sum 1
    double consistency_ratio = 0;
};
/// Saaty's weights of `n` ≤ 10 attributes: the principal eigenvector. None when the matrix is not positive and
/// reciprocal or its judgements contradict each other (ratio above `max_ratio`).
std::optional<AhpWeights> ahp_weights(const PairwiseMatrix& matrix, std::size_t n, double max_ratio = 0.1);

/// Attributes by which methods of this family rank interfaces.
struct MadmWeights {
    double bandwidth = 0.5;  // what is left of it, benefit
    double power = 0.3;      // what the flow adds, cost
    double moves = 0.2;      // 1 where the flow stays, 2 where it moves, cost
};
/// Flows in their order, each to the interface with the best score by what bandwidth is left. Ties: where it is, then
/// the lowest number.
Assignment assign_by_madm(const AssignmentProblem& problem, MadmMethod method, const MadmWeights& weights);

}  // namespace homeward::selection
