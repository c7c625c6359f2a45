#include "selection/branch_front.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "random_problem.h"
#include "selection/exact_front.h"
#include "selection/greedy_assignment.h"

namespace homeward::selection {
namespace {

constexpr BranchFront::Settings kNoLimit{.max_nodes = 200'000'000};

using Vectors = std::vector<std::pair<std::int64_t, std::int64_t>>;

template <typename Front>
Vectors vectors_of(const Front& front) {
    Vectors result;
    for (std::size_t i = 0; i < front.size(); ++i) {
        result.emplace_back(front.cost(i).power, front.cost(i).shortfall);
    }
    return result;
}

Vectors exact_vectors(const AssignmentProblem& problem) {
    ExactFront exact{{.max_pairs = 50'000'000}};
    EXPECT_TRUE(exact.solve(problem, false, {}));
    return vectors_of(exact);
}

TEST(BranchFront, EqualsTheExactFront) {
    RandomProblem problems{311};
    BranchFront branch{kNoLimit};
    for (int i = 0; i < 3000; ++i) {
        const AssignmentProblem problem =
            problems.next(problems.random().below(9), 1 + problems.random().below(4), 0.1);
        const auto starts = problems.random().chance(0.5) ? std::vector<Assignment>{} : greedy_assignments(problem);
        ASSERT_TRUE(branch.solve(problem, starts, {}));
        ASSERT_EQ(vectors_of(branch), exact_vectors(problem)) << "instance " << i;
    }
}

/// Radios whose states do not fall in power, whose wakes cost more than staying awake, or that cost nothing.
TEST(BranchFront, EqualsTheExactFrontWithStrangeRadios) {
    constexpr RadioProfile kStrange[] = {
        {0.2, 0.9, 0.1, 0.4, 3, 6, 0, 0, 0}, {0.5, 0.5, 0.5, 0.01, 0.1, 0.1, 40, 30, 0.3}, kWired, kUmtsBadOperator};
    RandomProblem problems{312};
    BranchFront branch{kNoLimit};
    for (int i = 0; i < 1000; ++i) {
        AssignmentProblem problem = problems.next(1 + problems.random().below(7), 3);
        for (InterfaceOffer& offer : problem.interfaces) {
            offer.radio = kStrange[problems.random().below(4)];
        }
        for (FlowDemand& flow : problem.flows) {
            flow.on_s = problems.random().chance(0.1) ? 1e-9 : flow.on_s;
            flow.off_s = problems.random().chance(0.1) ? 1e-6 : flow.off_s;
        }
        ASSERT_TRUE(branch.solve(problem, {}, {}));
        ASSERT_EQ(vectors_of(branch), exact_vectors(problem)) << "instance " << i;
    }
}

TEST(BranchFront, EqualsTheExactFrontOf13To20FlowsInFewClasses) {
    RandomProblem problems{313};
    BranchFront branch{kNoLimit};
    for (std::uint32_t flows = 13; flows <= 20; ++flows) {
        for (int i = 0; i < 5; ++i) {
            AssignmentProblem problem = problems.next(3, 3);
            for (std::size_t flow = 3; flow < flows; ++flow) {
                problem.flows.push_back(problem.flows[problems.random().below(3)]);
            }
            ASSERT_TRUE(branch.solve(problem, greedy_assignments(problem), {}));
            ASSERT_EQ(vectors_of(branch), exact_vectors(problem)) << flows << " flows, instance " << i;
        }
    }
}

TEST(BranchFront, ThirteenDistinctFlowsEndWhereBandwidthIsAmple) {
    RandomProblem problems{314};
    BranchFront branch{{.max_nodes = 20'000}};
    int ended = 0;
    for (int i = 0; i < 20; ++i) {
        AssignmentProblem problem = problems.next(13, 3);
        for (InterfaceOffer& offer : problem.interfaces) {
            offer.mbps *= 20;
        }
        if (branch.solve(problem, greedy_assignments(problem), {})) {
            ++ended;
            ASSERT_EQ(vectors_of(branch), exact_vectors(problem)) << "instance " << i;
        }
    }
    EXPECT_GT(ended, 10);
}

TEST(BranchFront, CutShortItIsAFrontThatIsNoWorseThanItsStart) {
    RandomProblem problems{315};
    std::vector<Vectors> first;
    for (const bool again : {false, true}) {
        problems = RandomProblem{315};
        for (std::size_t i = 0; i < 20; ++i) {
            const AssignmentProblem problem = problems.next(18, 4);
            const std::vector<Assignment> starts = greedy_assignments(problem);
            BranchFront branch{{.max_nodes = 2000}};
            EXPECT_FALSE(branch.solve(problem, starts, {}));
            EXPECT_EQ(branch.nodes(), 2001U);
            CostModel model;
            model.prepare(problem, false);
            const Vectors found = vectors_of(branch);
            for (const Assignment& start : starts) {
                const Cost cost = model.evaluate(start);
                EXPECT_TRUE(std::any_of(found.begin(), found.end(), [&](const auto& point) {
                    return point.first <= cost.power && point.second <= cost.shortfall;
                }));
            }
            for (std::size_t point = 0; point < branch.size(); ++point) {
                EXPECT_EQ(model.evaluate(branch.assignment(point)), branch.cost(point));
                EXPECT_TRUE(point == 0 || (found[point - 1].first < found[point].first &&
                                           found[point - 1].second > found[point].second));
            }
            if (again) {
                EXPECT_EQ(found, first[i]) << "the same problem, another front";
            }
            first.push_back(found);
        }
    }
}

TEST(BranchFront, EdgeCases) {
    BranchFront branch{{}};
    AssignmentProblem problem = RandomProblem{1}.next(0, 3);
    EXPECT_TRUE(branch.solve(problem, {}, {}));
    EXPECT_EQ(branch.size(), 1U) << "no flows";
    problem = RandomProblem{1}.next(5, 1);
    EXPECT_TRUE(branch.solve(problem, {}, {}));
    EXPECT_EQ(branch.size(), 1U) << "one interface";
    problem.interfaces[0].available = false;
    EXPECT_TRUE(branch.solve(problem, {}, {}));
    ASSERT_EQ(branch.size(), 1U) << "none";
    EXPECT_EQ(branch.assignment(0)[0], kParked);
    problem = RandomProblem{1}.next(4, 3);
    problem.interfaces[2].available = false;
    Assignment impossible{};
    impossible.fill(2);
    EXPECT_TRUE(branch.solve(problem, std::span{&impossible, 1}, {}));
    EXPECT_EQ(vectors_of(branch), exact_vectors(problem)) << "a start on an interface that is not there is none";
    EXPECT_FALSE(branch.solve(RandomProblem{1}.next(BranchFront::kMaxDepth + 1, 2), {}, {})) << "too many flows";
    BranchFront none{{.max_nodes = 0}};
    EXPECT_FALSE(none.solve(RandomProblem{1}.next(4, 3), {}, {}));
}

TEST(BranchFront, StopsAtTheDeadline) {
    BranchFront branch{kNoLimit};
    const AssignmentProblem problem = RandomProblem{4}.next(18, 4);
    std::uint64_t asked = 0;
    const Deadline third{[](void* context) { return (*static_cast<std::uint64_t*>(context))++; }, &asked, 3};
    EXPECT_FALSE(branch.solve(problem, greedy_assignments(problem), third));
    EXPECT_EQ(branch.nodes(), 4 * 64U);
    EXPECT_GT(branch.size(), 0U) << "what was found stands";
}

}  // namespace
}  // namespace homeward::selection
