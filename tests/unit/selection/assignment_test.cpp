#include "selection/assignment.h"

#include <gtest/gtest.h>

#include <cmath>

#include "random_problem.h"
#include "selection/madm.h"

namespace homeward::selection {
namespace {

/// The closed form again, written as the specification has it, with logarithms and sums.
double power_by_the_book(const RadioProfile& radio, const std::vector<FlowDemand>& flows) {
    double log_silent = 0;
    double rate = 0;
    for (const FlowDemand& each : flows) {
        log_silent += std::log(1 - each.on_s / (each.on_s + each.off_s));
        rate += 1 / each.off_s;
    }
    const double q = std::exp(log_silent);
    const double e1 = std::exp(-rate * radio.tail1_s);
    const double e2 = std::exp(-rate * (radio.tail1_s + radio.tail2_s));
    return radio.active_w * (1 - q) + q * (radio.tail1_w * (1 - e1) + radio.tail2_w * (e1 - e2) + radio.idle_w * e2) +
           q * rate * (e2 * radio.wake_from_idle_j + (e1 - e2) * radio.wake_from_tail2_j);
}

/// Watts of flows that switch on and off for `span` seconds.
double simulated_power(const RadioProfile& radio, const std::vector<FlowDemand>& flows, Seconds span, Random& random) {
    std::vector<std::pair<Seconds, Seconds>> busy;
    for (const FlowDemand& each : flows) {
        for (Seconds t = random.exponential(each.off_s); t < span;) {
            const Seconds end = t + random.exponential(each.on_s);
            busy.emplace_back(t, end);
            t = end + random.exponential(each.off_s);
        }
    }
    std::sort(busy.begin(), busy.end());
    EnergyMeter meter{radio};
    Seconds last = 0;
    for (const auto& [from, to] : busy) {
        meter.busy(from, to);
        last = std::max(last, to);
    }
    return meter.joules(std::max(span, last)) / std::max(span, last);
}

Cost cost_on_one(const RadioProfile& radio, const std::vector<FlowDemand>& flows, double mbps = 10) {
    AssignmentProblem problem;
    problem.interfaces.push_back({mbps, radio, true, false});
    for (const FlowDemand& each : flows) {
        problem.flows.push_back(each);
    }
    CostModel model;
    model.prepare(problem, false);
    Assignment all;
    all.fill(0);
    return model.evaluate(all);
}

TEST(CostModel, PowerIsTheClosedFormAndWhatHappens) {
    const std::vector<FlowDemand> sets[] = {
        {{1, 10, 20}}, {{1, 2, 3}, {1, 30, 8}}, {{0.5, 5, 60}, {1, 1, 100}, {2, 20, 40}}, {{1, 1, 412}}};
    Random random{7};
    for (const RadioProfile& radio : {kUmtsAria, kUmtsInspire, kWlanAria, kUmtsBadOperator, kLteAria}) {
        for (const auto& flows : sets) {
            RadioProfile plain = radio;
            plain.active_w_per_mbps = 0;
            const double watts = static_cast<double>(cost_on_one(plain, flows).power) * 1e-9;
            EXPECT_NEAR(watts, power_by_the_book(plain, flows), 2e-9);
            const double simulated = simulated_power(plain, flows, 2e6, random);
            EXPECT_NEAR(watts, simulated, 0.01 * simulated + 0.002);
        }
    }
}

TEST(CostModel, IdleOffAndShortfall) {
    EXPECT_EQ(cost_on_one(kWlanAria, {}).power, 90'000'000);
    AssignmentProblem problem;
    problem.interfaces.push_back({1, kWlanAria, true, true});
    problem.interfaces.push_back({2, kUmtsAria, true, false});
    problem.flows.push_back({1.5, 10, 20, 0});
    problem.flows.push_back({1.0, 10, 20, 1});
    CostModel model;
    model.prepare(problem, false);
    struct Row {
        std::uint8_t first, second;
        double shortfall;
        std::uint32_t moves;
    };
    constexpr Row kRows[] = {{0, 0, 1.5, 1}, {0, 1, 0.5, 0},       {1, 0, 0, 2},
                             {1, 1, 0.5, 1}, {kParked, 0, 1.5, 1}, {kParked, kParked, 2.5, 0}};
    for (const Row& row : kRows) {
        Assignment assignment{row.first, row.second};
        const Objectives found = model.evaluate(assignment).objectives();
        EXPECT_NEAR(found.shortfall_mbps, row.shortfall, 1e-12);
        EXPECT_EQ(found.moves, row.moves);
    }
    Assignment second{1, 1};
    EXPECT_NEAR(model.evaluate(second).objectives().power_w, power_by_the_book(kUmtsAria, {{1.5, 10, 20}, {1, 10, 20}}),
                1e-8)
        << "an unused radio that may be off draws nothing";
}

TEST(CostModel, FlowsThatCostTheSameShareAClass) {
    AssignmentProblem problem = RandomProblem{3}.next(0, 3);
    for (const double mbps : {0.5, 0.6, 0.7, 0.6}) {
        problem.flows.push_back({mbps, 10, 20, 1});
    }
    problem.flows[3].previous = 0;
    CostModel model;
    model.prepare(problem, false);
    EXPECT_EQ(model.classes().size(), 3U);
    EXPECT_EQ(model.class_of(3), model.class_of(1));
    model.prepare(problem, true);
    EXPECT_EQ(model.classes().size(), 4U) << "they are in different places";
}

TEST(AssignmentProblem, RefusesWhatIsNotANumberAboveZero) {
    for (const double bad : {0.0, -1.0, std::nan(""), static_cast<double>(INFINITY)}) {
        AssignmentProblem problem = RandomProblem{1}.next(3, 2);
        ASSERT_TRUE(problem.valid());
        problem.flows[1].mbps = bad;
        EXPECT_FALSE(problem.valid()) << bad;
        problem = RandomProblem{1}.next(3, 2);
        problem.interfaces[0].mbps = bad;
        EXPECT_FALSE(problem.valid()) << bad;
        problem.interfaces[0].available = false;
        EXPECT_TRUE(problem.valid()) << "nobody asks for the bandwidth of what is not there";
    }
}

TEST(EnergyMeter, WalksTheStates) {
    struct Row {
        const char* name;
        std::vector<std::pair<Seconds, Seconds>> busy;
        Seconds end;
        double joules;
    };
    const double wake = 0.93;
    const Row rows[] = {
        {"never used", {}, 10, 0},
        {"one burst, whole tail", {{5, 6}}, 100, wake + 0.93 + 4 * 0.93 + 10 * 0.51},
        {"again within the first tail", {{0, 1}, {4, 5}}, 5, wake + 5 * 0.93},
        {"again within the second tail", {{0, 1}, {10, 11}}, 11, wake + 2 * 0.93 + 4 * 0.93 + 5 * 0.51 + 1.08},
        {"again from idle", {{0, 1}, {20, 21}}, 21, 2 * wake + 2 * 0.93 + 4 * 0.93 + 10 * 0.51},
        {"overlapping intervals count once", {{0, 2}, {1, 3}, {1, 2}}, 3, wake + 3 * 0.93},
    };
    for (const Row& row : rows) {
        EnergyMeter meter{kUmtsAria};
        for (const auto& [from, to] : row.busy) {
            meter.busy(from, to);
        }
        EXPECT_NEAR(meter.joules(row.end), row.joules, 1e-9) << row.name;
    }
}

DecisionTable table_of(std::initializer_list<DecisionTable::Attribute> attributes,
                       std::initializer_list<std::array<double, kMaxAttributes>> rows) {
    DecisionTable table;
    for (const auto& each : attributes) {
        table.attributes.push_back(each);
    }
    for (const auto& each : rows) {
        table.alternatives.push_back(each);
    }
    return table;
}

TEST(Madm, ScoresByHand) {
    const DecisionTable table = table_of({{true, 0.6}, {false, 0.4}}, {{10, 4}, {5, 2}});
    const Scores saw = score(table, MadmMethod::saw);
    EXPECT_NEAR(saw[0], 0.6 * 1 + 0.4 * 0.5, 1e-12);
    EXPECT_NEAR(saw[1], 0.6 * 0.5 + 0.4 * 1, 1e-12);
    const Scores mew = score(table, MadmMethod::mew);
    EXPECT_NEAR(mew[0], std::pow(0.5, 0.4), 1e-12);
    EXPECT_NEAR(mew[1], std::pow(0.5, 0.6), 1e-12);
    const Scores topsis = score(table, MadmMethod::topsis);
    const double benefit = 0.6 * 5 / std::sqrt(125);
    const double cost = 0.4 * 2 / std::sqrt(20);
    EXPECT_NEAR(topsis[0], benefit / (benefit + cost), 1e-12);
    EXPECT_NEAR(topsis[1], cost / (benefit + cost), 1e-12);
}

TEST(Madm, BadInput) {
    for (const MadmMethod method : {MadmMethod::saw, MadmMethod::mew, MadmMethod::topsis}) {
        const Scores zero_column = score(table_of({{true, 0.5}, {true, 0.5}}, {{0, 4}, {0, 2}}), method);
        const Scores without = score(table_of({{true, 1}}, {{4}, {2}}), method);
        EXPECT_NEAR(zero_column[0], without[0], 1e-12) << "a column of zeros is dropped";
        EXPECT_NEAR(zero_column[1], without[1], 1e-12);
        const Scores free = score(table_of({{false, 1}}, {{0}, {2}}), method);
        EXPECT_GT(free[0], free[1]);
        EXPECT_TRUE(std::isfinite(free[0])) << "a cost of zero divides nothing";
        EXPECT_EQ(score(table_of({{true, 1}}, {{0}}), method)[0], 1) << "alone";
    }
    EXPECT_EQ(score(table_of({{true, 1}}, {{3}, {3}}), MadmMethod::topsis)[0], 0.5) << "both distances are zero";
}

TEST(Madm, AhpWeightsOfAConsistentMatrixAreItsRatios) {
    PairwiseMatrix matrix{};
    const double weights[] = {0.5, 0.3, 0.2};
    for (std::size_t i = 0; i < 3; ++i) {
        for (std::size_t j = 0; j < 3; ++j) {
            matrix[i][j] = weights[i] / weights[j];
        }
    }
    const auto found = ahp_weights(matrix, 3);
    ASSERT_TRUE(found);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_NEAR(found->weights[i], weights[i], 1e-9);
    }
    EXPECT_NEAR(found->consistency_ratio, 0, 1e-9);
}

TEST(Madm, AhpRefusesContradictions) {
    PairwiseMatrix circle{};
    circle[0] = {1, 9, 1.0 / 9};
    circle[1] = {1.0 / 9, 1, 9};
    circle[2] = {9, 1.0 / 9, 1};
    EXPECT_FALSE(ahp_weights(circle, 3)) << "a over b over c over a";
    EXPECT_TRUE(ahp_weights(circle, 3, 100));
    circle[0][1] = 8;
    EXPECT_FALSE(ahp_weights(circle, 3, 100)) << "not reciprocal";
    circle[0][1] = -9;
    EXPECT_FALSE(ahp_weights(circle, 3, 100)) << "not positive";
    EXPECT_FALSE(ahp_weights(circle, 0));
}

TEST(Madm, AssignsGreedilyByWhatIsLeft) {
    AssignmentProblem problem;
    problem.interfaces.push_back({3, kWlanAria, true, false});
    problem.interfaces.push_back({2, kWlanAria, true, false});
    problem.interfaces.push_back({50, kWlanAria, false, false});
    for (int i = 0; i < 2; ++i) {
        problem.flows.push_back({2, 10, 20, kParked});
    }
    const MadmWeights bandwidth_only{1, 0, 0};
    const Assignment found = assign_by_madm(problem, MadmMethod::saw, bandwidth_only);
    EXPECT_EQ(found[0], 0);
    EXPECT_EQ(found[1], 1) << "2 is left there, 1 on the first";
    problem.interfaces[1].mbps = 3;
    problem.flows[0].previous = 1;
    EXPECT_EQ(assign_by_madm(problem, MadmMethod::saw, bandwidth_only)[0], 1) << "a tie: where it is";
    problem.flows[0].previous = kParked;
    EXPECT_EQ(assign_by_madm(problem, MadmMethod::saw, bandwidth_only)[0], 0) << "a tie: the lowest number";
    for (InterfaceOffer& offer : problem.interfaces) {
        offer.available = false;
    }
    EXPECT_EQ(assign_by_madm(problem, MadmMethod::saw, bandwidth_only)[0], kParked);
}

}  // namespace
}  // namespace homeward::selection
