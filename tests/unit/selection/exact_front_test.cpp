#include "selection/exact_front.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "random_problem.h"
#include "selection/front_choice.h"
#include "selection/front_quality.h"

namespace homeward::selection {
namespace {

/// Every assignment of flows to interfaces that are there, one after the other.
class BruteForce {
  public:
    BruteForce(const AssignmentProblem& problem, bool with_moves) : with_moves_(with_moves) {
        model_.prepare(problem, with_moves);
        assignment_.fill(kParked);
        visit(0);
        std::sort(front_.begin(), front_.end(), before);
    }
    const std::vector<Cost>& front() const { return front_; }

    static bool before(const Cost& a, const Cost& b) {
        return std::tie(a.power, a.shortfall, a.moves) < std::tie(b.power, b.shortfall, b.moves);
    }

  private:
    void visit(std::size_t flow) {
        if (flow == model_.flows() || model_.available().empty()) {
            take();
            return;
        }
        for (const std::uint8_t j : model_.available()) {
            assignment_[flow] = j;
            visit(flow + 1);
        }
    }
    void take() {
        Cost cost = model_.evaluate(assignment_);
        cost.moves = with_moves_ ? cost.moves : 0;
        if (std::any_of(front_.begin(), front_.end(), [&](const Cost& each) { return each.no_worse(cost); })) {
            return;
        }
        std::erase_if(front_, [&](const Cost& each) { return cost.dominates(each); });
        front_.push_back(cost);
    }

    bool with_moves_;
    CostModel model_;
    Assignment assignment_{};
    std::vector<Cost> front_;
};

std::vector<Cost> points_of(const ExactFront& exact, bool with_moves) {
    std::vector<Cost> points;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        points.push_back(exact.cost(i));
        points.back().moves = with_moves ? points.back().moves : 0;
    }
    std::sort(points.begin(), points.end(), BruteForce::before);
    return points;
}

TEST(ExactFront, EqualsBruteForceIn10000Of10000Instances) {
    RandomProblem problems{20260101};
    ExactFront exact{{}};
    int equal = 0;
    for (int i = 0; i < 10'000; ++i) {
        const std::uint32_t flows = problems.random().below(9);
        const std::uint32_t interfaces = 1 + problems.random().below(4);
        const bool with_moves = problems.random().chance(0.3);
        const AssignmentProblem problem = problems.next(flows, interfaces, 0.1);
        ASSERT_TRUE(exact.solve(problem, with_moves, {}));
        const std::vector<Cost> expected = BruteForce{problem, with_moves}.front();
        ASSERT_EQ(points_of(exact, with_moves), expected) << "instance " << i;
        ++equal;
    }
    EXPECT_EQ(equal, 10'000);
}

TEST(ExactFront, ChainsOfThreeInterfacesEqualBruteForceToo) {
    RandomProblem problems{77};
    ExactFront exact{{}};
    for (int i = 0; i < 200; ++i) {
        const std::uint32_t interfaces = 5 + problems.random().below(3);
        const bool with_moves = problems.random().chance(0.5);
        const AssignmentProblem problem = problems.next(1 + problems.random().below(5), interfaces, 0.1);
        ASSERT_TRUE(exact.solve(problem, with_moves, {}));
        ASSERT_EQ(points_of(exact, with_moves), (BruteForce{problem, with_moves}.front())) << "instance " << i;
    }
}

TEST(ExactFront, CostsAreThoseOfTheAssignments) {
    RandomProblem problems{78};
    ExactFront exact{{}};
    CostModel model;
    for (int i = 0; i < 200; ++i) {
        const AssignmentProblem problem = problems.next(7, 1 + problems.random().below(5), 0.2);
        ASSERT_TRUE(exact.solve(problem, true, {}));
        model.prepare(problem, true);
        for (std::size_t point = 0; point < exact.size(); ++point) {
            EXPECT_EQ(exact.cost(point), model.evaluate(exact.assignment(point)));
        }
    }
}

TEST(ExactFront, KeepsWhatAnAddedFlowLeavesUntouched) {
    RandomProblem problems{5};
    for (int i = 0; i < 200; ++i) {
        AssignmentProblem problem = problems.next(7, 4);
        ExactFront growing{{}};
        ASSERT_TRUE(growing.solve(problem, true, {}));
        const std::uint32_t sets = growing.states();
        problem.flows.push_back({0.777, 3, 33, 1});
        ASSERT_TRUE(growing.solve(problem, true, {}));
        EXPECT_EQ(growing.reused_states(), sets);
        ExactFront fresh{{}};
        ASSERT_TRUE(fresh.solve(problem, true, {}));
        EXPECT_EQ(points_of(growing, true), points_of(fresh, true));
        problem.flows.erase(problem.flows.end() - 1);
        ASSERT_TRUE(growing.solve(problem, true, {}));
        EXPECT_EQ(growing.reused_states(), sets) << "a flow that leaves leaves all others' sets";
        ASSERT_TRUE(fresh.solve(problem, true, {}));
        EXPECT_EQ(points_of(growing, true), points_of(fresh, true));
        problem.interfaces[2].mbps *= 2;
        ASSERT_TRUE(growing.solve(problem, true, {}));
        EXPECT_EQ(growing.reused_states(), 0U) << "every price may have changed";
        ExactFront again{{}};
        ASSERT_TRUE(again.solve(problem, true, {}));
        EXPECT_EQ(points_of(growing, true), points_of(again, true));
    }
}

TEST(ExactFront, TwentyFlowsInTwoClassesHaveFewSets) {
    AssignmentProblem problem = RandomProblem{2}.next(0, 4);
    for (int i = 0; i < 20; ++i) {
        problem.flows.push_back(i % 2 == 0 ? FlowDemand{0.4, 5, 30, kParked} : FlowDemand{1, 120, 60, kParked});
    }
    ExactFront exact{{}};
    ASSERT_TRUE(exact.solve(problem, false, {}));
    EXPECT_EQ(exact.states(), 121U);
    for (std::size_t i = 0; i < exact.size(); ++i) {
        const Assignment assignment = exact.assignment(i);
        EXPECT_TRUE(std::none_of(assignment.begin(), assignment.begin() + 20, [](auto j) { return j == kParked; }));
    }
}

TEST(ExactFront, EdgeCases) {
    ExactFront exact{{}};
    AssignmentProblem problem = RandomProblem{1}.next(0, 3);
    ASSERT_TRUE(exact.solve(problem, false, {}));
    EXPECT_EQ(exact.size(), 1U) << "no flows";
    problem = RandomProblem{1}.next(5, 1);
    ASSERT_TRUE(exact.solve(problem, false, {}));
    EXPECT_EQ(exact.size(), 1U) << "one interface";
    problem.interfaces[0].available = false;
    ASSERT_TRUE(exact.solve(problem, false, {}));
    ASSERT_EQ(exact.size(), 1U) << "none";
    EXPECT_EQ(exact.assignment(0)[0], kParked);
    EXPECT_NEAR(exact.cost(0).objectives().shortfall_mbps, problem.demand_mbps(), 1e-8);
    problem.interfaces.clear();
    ASSERT_TRUE(exact.solve(problem, false, {}));
    EXPECT_EQ(exact.size(), 1U);
    problem = RandomProblem{1}.next(40, 4);
    EXPECT_FALSE(exact.solve(problem, false, {})) << "too large says so";
    EXPECT_EQ(exact.size(), 0U);
}

TEST(ExactFront, StopsAtTheDeadlineAndStartsAnew) {
    ExactFront exact{{}};
    const AssignmentProblem problem = RandomProblem{4}.next(8, 4);
    const Deadline passed{[](void* /*context*/) -> std::uint64_t { return 1; }, nullptr, 1};
    EXPECT_FALSE(exact.solve(problem, false, passed));
    EXPECT_EQ(exact.size(), 0U);
    ASSERT_TRUE(exact.solve(problem, false, {}));
    EXPECT_EQ(points_of(exact, false), (BruteForce{problem, false}.front()));
}

TEST(Nondominated, KeepsWhatNothingBeats) {
    Random random{3};
    for (const std::uint32_t values : {2U, 5U, 40U}) {
        Nondominated kept{400};
        std::vector<Cost> naive;
        for (int i = 0; i < 400; ++i) {
            const Cost cost{random.below(values), random.below(values), random.below(3)};
            const bool beaten =
                std::any_of(naive.begin(), naive.end(), [&](const Cost& c) { return c.no_worse(cost); });
            ASSERT_EQ(kept.beats(cost), beaten);
            kept.insert({cost, 0, 0});
            if (!beaten) {
                std::erase_if(naive, [&](const Cost& each) { return cost.dominates(each); });
                naive.push_back(cost);
            }
            ASSERT_EQ(kept.points().size(), naive.size());
        }
        for (std::size_t i = 1; i < kept.points().size(); ++i) {
            EXPECT_LE(kept.points()[i - 1].cost.power, kept.points()[i].cost.power);
        }
    }
}

TEST(Nondominated, SaysWhenThereWasNoRoom) {
    Nondominated kept{2};
    kept.insert({{3, 1, 0}, 0, 0});
    kept.insert({{1, 3, 0}, 0, 0});
    kept.insert({{2, 1, 0}, 0, 0});
    EXPECT_FALSE(kept.overflowed()) << "one took another's place";
    kept.insert({{9, 0, 0}, 0, 0});
    EXPECT_TRUE(kept.overflowed());
    EXPECT_EQ(kept.points().size(), 2U);
    kept.clear();
    EXPECT_FALSE(kept.overflowed());
}

TEST(FrontChoice, Rules) {
    // power, shortfall, moves
    const Objectives front[] = {{0.2, 4, 0}, {0.4, 1.0, 3}, {0.9, 0.3, 1}, {1.0, 0.2, 1}, {1.4, 0, 2}};
    const auto with = [&](ChoiceRule rule, double battery) { return choose(front, {rule, 0.05}, 10, battery); };
    EXPECT_EQ(with(ChoiceRule::fewest_moves, 1), 2U) << "within 0.5 Mbps: one move, and of those the least power";
    EXPECT_EQ(choose(front, {ChoiceRule::fewest_moves, 0}, 10, 1), 4U);
    EXPECT_EQ(choose(front, {ChoiceRule::least_power, 0.1}, 10, 1), 1U) << "within 1 Mbps: least power";
    EXPECT_EQ(choose(front, {ChoiceRule::least_power, 0}, 10, 1), 4U);
    EXPECT_EQ(with(ChoiceRule::battery, 0), 0U) << "empty: least power";
    EXPECT_EQ(with(ChoiceRule::battery, 1), 4U) << "full: least shortfall";
    EXPECT_EQ(with(ChoiceRule::knee, 1), 1U);
    const Objectives one[] = {{1, 1, 1}};
    for (const ChoiceRule rule :
         {ChoiceRule::fewest_moves, ChoiceRule::least_power, ChoiceRule::battery, ChoiceRule::knee}) {
        EXPECT_EQ(choose(one, {rule, 0.05}, 1, 0.5), 0U);
    }
    const Objectives equal[] = {{1, 1, 1}, {1, 1, 1}};
    EXPECT_EQ(choose(equal, {ChoiceRule::knee, 0}, 1, 0.5), 0U) << "all points equal";
}

TEST(FrontQuality, OfItselfIsWhole) {
    const std::vector<Cost> exact{{1'000, 300, 0}, {2'000, 100, 0}, {4'000, 0, 0}};
    const FrontQuality same = front_quality(exact, exact);
    EXPECT_EQ(same.recall, 1);
    EXPECT_EQ(same.precision, 1);
    EXPECT_NEAR(same.hypervolume, 1, 1e-12);
    EXPECT_EQ(same.igd_plus, 0);
    const std::vector<Cost> worse{{1'000, 300, 0}, {3'000, 100, 0}};
    const FrontQuality less = front_quality(worse, exact);
    EXPECT_NEAR(less.recall, 1.0 / 3, 1e-12);
    EXPECT_NEAR(less.precision, 0.5, 1e-12);
    EXPECT_LT(less.hypervolume, 1);
    EXPECT_NEAR(less.igd_plus, (0 + 1.0 / 3 + 1.0 / 3) / 3, 1e-12);
}

TEST(FrontQuality, HypervolumeByHand) {
    const std::vector<Cost> front{{1, 3, 0}, {2, 1, 0}};
    EXPECT_EQ(hypervolume(front, 4, 4), 3 * 1 + 2 * 2);
    EXPECT_EQ(hypervolume(front, 1, 1), 0) << "beyond the reference";
    std::vector<Cost> points{{2, 2, 0}, {1, 3, 0}, {2, 1, 0}, {2, 1, 0}, {3, 1, 0}};
    keep_nondominated(points);
    EXPECT_EQ(points, front);
}

}  // namespace
}  // namespace homeward::selection
