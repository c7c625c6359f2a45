#include "selection/nsga2.h"

#include <gtest/gtest.h>

#include "random_problem.h"
#include "selection/exact_front.h"
#include "selection/front_quality.h"

namespace homeward::selection {
namespace {

std::vector<Cost> front_of(const Nsga2& genetic) {
    std::vector<Cost> front;
    for (std::size_t i = 0; i < genetic.size(); ++i) {
        front.push_back(genetic.cost(i));
    }
    return front;
}

std::vector<Cost> run(const AssignmentProblem& problem, Nsga2::Settings settings, std::uint64_t seed,
                      std::span<const Assignment> warm = {}) {
    Nsga2 genetic{settings};
    Random random{seed};
    genetic.solve(problem, warm, random, {});
    return front_of(genetic);
}

TEST(Nsga2, SameSeedSameFront) {
    const AssignmentProblem problem = RandomProblem{1}.next(8, 4);
    EXPECT_EQ(run(problem, {}, 5), run(problem, {}, 5));
}

TEST(Nsga2, FrontHoldsNothingDominatedAndNothingTwice) {
    RandomProblem problems{2};
    for (int i = 0; i < 50; ++i) {
        const std::vector<Cost> front = run(problems.next(8, 3, 0.2), {.generations = 10}, 1);
        for (std::size_t a = 1; a < front.size(); ++a) {
            EXPECT_LT(front[a - 1].power, front[a].power);
            EXPECT_GT(front[a - 1].shortfall, front[a].shortfall);
        }
    }
}

TEST(Nsga2, CostsAreThoseOfTheAssignments) {
    const AssignmentProblem problem = RandomProblem{3}.next(40, 6, 0.3);
    Nsga2 genetic{Nsga2::improved(20)};
    Random random{1};
    genetic.solve(problem, {}, random, {});
    CostModel model;
    model.prepare(problem, false);
    for (std::size_t i = 0; i < genetic.size(); ++i) {
        EXPECT_EQ(model.evaluate(genetic.assignment(i)), genetic.cost(i));
        for (std::size_t flow = 0; flow < problem.flows.size(); ++flow) {
            EXPECT_TRUE(problem.interfaces[genetic.assignment(i)[flow]].available);
        }
    }
}

/// Means over 40 instances of 8 flows on 4 interfaces.
FrontQuality mean_quality(Nsga2::Settings settings) {
    RandomProblem problems{4};
    ExactFront exact{{}};
    FrontQuality mean;
    constexpr int kInstances = 40;
    for (int i = 0; i < kInstances; ++i) {
        const AssignmentProblem problem = problems.next(8, 4);
        EXPECT_TRUE(exact.solve(problem, false, {}));
        std::vector<Cost> whole;
        for (std::size_t point = 0; point < exact.size(); ++point) {
            whole.push_back(exact.cost(point));
        }
        const std::vector<Cost> found = run(problem, settings, 1);
        for (const Cost& each : found) {
            EXPECT_TRUE(std::any_of(whole.begin(), whole.end(), [&](const Cost& point) {
                return point.power <= each.power && point.shortfall <= each.shortfall;
            })) << "better than the exact front";
        }
        const FrontQuality quality = front_quality(found, whole);
        mean.recall += quality.recall / kInstances;
        mean.hypervolume += quality.hypervolume / kInstances;
    }
    return mean;
}

TEST(Nsga2, ComesCloseToTheExactFrontByGenerations) {
    struct Row {
        std::uint32_t generations;
        double recall;
        double hypervolume;
    };
    // What the specification's prototype reached.
    constexpr Row kRows[] = {{10, 0.365, 0.964}, {100, 0.973, 0.9994}, {500, 0.978, 0.9999}};
    for (const Row& row : kRows) {
        const FrontQuality quality = mean_quality(Nsga2::improved(row.generations));
        EXPECT_GE(quality.recall, row.recall) << row.generations;
        EXPECT_GE(quality.hypervolume, row.hypervolume) << row.generations;
    }
}

TEST(Nsga2, StartsOverFewInterfacesToo) {
    const double alike = mean_quality({.generations = 10, .distinct = true}).recall;
    const double spread = mean_quality({.generations = 10, .distinct = true, .spread_start = true}).recall;
    EXPECT_GT(spread, alike + 0.1);
}

TEST(Nsga2, KeepsAWarmStartThatIsNondominated) {
    const AssignmentProblem problem = RandomProblem{6}.next(8, 4);
    ExactFront exact{{}};
    ASSERT_TRUE(exact.solve(problem, false, {}));
    std::vector<Assignment> warm;
    std::vector<Cost> whole;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        warm.push_back(exact.assignment(i));
        whole.push_back(exact.cost(i));
    }
    const std::vector<Cost> found = run(problem, {.generations = 3, .distinct = true}, 1, warm);
    EXPECT_EQ(front_quality(found, whole).recall, 1);
}

TEST(Nsga2, EdgeCases) {
    EXPECT_EQ(run(RandomProblem{1}.next(0, 3), {}, 1).size(), 1U) << "no flows";
    EXPECT_EQ(run(RandomProblem{1}.next(5, 1), {}, 1).size(), 1U) << "one interface";
    EXPECT_TRUE(run(RandomProblem{1}.next(5, 3, 1.0), {}, 1).empty()) << "none available";
    EXPECT_FALSE(run(RandomProblem{1}.next(64, 16), {.generations = 5}, 1).empty()) << "256 bits";
    AssignmentProblem same = RandomProblem{1}.next(1, 2);
    same.interfaces[1] = same.interfaces[0];
    EXPECT_EQ(run(same, {}, 1).size(), 1U) << "all points equal";
    EXPECT_EQ(run(RandomProblem{1}.next(5, 1), Nsga2::improved(10), 1).size(), 1U) << "a child cannot but repeat";
    EXPECT_EQ(run(RandomProblem{1}.next(0, 3), Nsga2::improved(10), 1).size(), 1U);
    EXPECT_FALSE(run(RandomProblem{1}.next(64, 8), Nsga2::improved(5), 1).empty()) << "three bits, across words";
    EXPECT_FALSE(run(RandomProblem{1}.next(9, 3), {.population = 7, .parents = 3, .offspring = 5}, 1).empty())
        << "odd sizes";
}

TEST(Nsga2, StopsAtTheDeadline) {
    Nsga2 genetic{{.generations = 1000}};
    Random random{1};
    std::uint64_t asked = 0;
    const Deadline third{[](void* context) { return (*static_cast<std::uint64_t*>(context))++; }, &asked, 3};
    genetic.solve(RandomProblem{1}.next(8, 4), {}, random, third);
    EXPECT_EQ(genetic.generations_done(), 3U);
    EXPECT_GT(genetic.size(), 0U);
}

}  // namespace
}  // namespace homeward::selection
