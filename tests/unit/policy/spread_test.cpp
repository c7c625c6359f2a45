// Which uplink has a flow: shares, what a change moves, reserves. Seeds and flows are fixed: each run is the same.
#include "policy/spread.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <vector>

namespace homeward::policy {
namespace {

constexpr unsigned kFlows = 20'000;

Candidate over(LabelList uplinks, Weights weights, Mode mode = Mode::spread) {
    Candidate candidate;
    candidate.uplinks = uplinks;
    candidate.mode = mode;
    candidate.weights = weights;
    return candidate;
}

/// As applications make them: one node, few servers, neighbouring ports.
std::vector<std::uint64_t> flows(std::uint32_t seed = 1) {
    std::mt19937 random{seed};
    std::vector<std::uint64_t> hashes;
    for (unsigned i = 0; i < kFlows; ++i) {
        FlowKey flow;
        flow.node = wire::Ipv4Address{0x9e840a0c};
        flow.correspondent = wire::Ipv4Address{0xcb007100U + static_cast<std::uint32_t>(random() % 5)};
        flow.protocol = 6;
        flow.has_port = true;
        flow.port = random() % 3 == 0 ? 80 : 443;
        flow.node_port = static_cast<std::uint16_t>(32768 + i);
        hashes.push_back(hash_of(flow));
    }
    return hashes;
}

using Ways = std::vector<Label>;

Ways ways(const Candidate& candidate, const std::vector<std::uint64_t>& hashes, Label down = 0,
          const Rates& rates = {}) {
    Ways taken;
    for (const std::uint64_t hash : hashes) {
        taken.push_back(spread(candidate, rates, hash, [&](Label label) { return label != down; }));
    }
    return taken;
}

std::map<Label, double> shares(const Ways& taken) {
    std::map<Label, double> counts;
    for (const Label label : taken) {
        counts[label] += 1;
    }
    return counts;
}

TEST(Spread, TheDistanceIsTheLogarithm) {
    // homeward_distance draws by hash; its extremes and its worst place between are met among so many.
    double least = 1e9;
    for (std::uint64_t flow = 0; flow < 200'000; ++flow) {
        const double drawn =
            static_cast<double>((homeward_mix(flow + 7 * 0x9e3779b97f4a7c15ULL) >> 32) | 1) / 4294967296.0;
        const double distance = homeward_distance(flow, 7) / 65536.0;
        ASSERT_NEAR(distance, -std::log2(drawn), 1.0 / 2000) << drawn;
        least = std::min(least, distance);
    }
    EXPECT_GT(least, 0);
}

TEST(Spread, SharesAreInProportion) {
    struct Row {
        const char* name;
        LabelList uplinks;
        Weights weights;
        double chi_square;  ///< at 99.9 %, by degrees of freedom
    };
    const Row rows[] = {
        {"equal", {1, 2}, {1, 1}, 10.83},
        {"four to one", {1, 2}, {4, 1}, 10.83},
        {"one to fifteen", {1, 2}, {1, 15}, 10.83},
        {"three", {7, 2, 200}, {5, 3, 2}, 13.82},
        {"eight", {1, 2, 3, 4, 5, 6, 7, 8}, {15, 1, 2, 3, 4, 5, 6, 7}, 24.32},
    };
    for (const Row& row : rows) {
        for (std::uint32_t seed = 1; seed <= 3; ++seed) {
            auto counted = shares(ways(over(row.uplinks, row.weights), flows(seed)));
            double total = 0;
            for (std::size_t i = 0; i < row.uplinks.size(); ++i) {
                total += row.weights[i];
            }
            double chi_square = 0;
            for (std::size_t i = 0; i < row.uplinks.size(); ++i) {
                const double expected = kFlows * row.weights[i] / total;
                chi_square += std::pow(counted[row.uplinks[i]] - expected, 2) / expected;
            }
            EXPECT_LT(chi_square, row.chi_square) << row.name << ", seed " << seed;
        }
    }
}

TEST(Spread, RatesAreWeights) {
    Rates rates;
    rates.push_back(1, 255);
    rates.push_back(2, 63);
    const Candidate by_rate = over({1, 2}, {1, 1}, Mode::spread_by_rate);
    EXPECT_NEAR(shares(ways(by_rate, flows(), 0, rates))[2] / kFlows, 63.0 / 318, 0.01);
    EXPECT_NEAR(shares(ways(by_rate, flows()))[2] / kFlows, 0.5, 0.01) << "none measured: equal";
}

TEST(Spread, AnUplinkThatGoesMovesItsOwnFlowsAlone) {
    const auto hashes = flows();
    const Candidate candidate = over({1, 2, 3}, {3, 2, 1});
    const Ways before = ways(candidate, hashes);
    for (const Label down : LabelList{1, 2, 3}) {
        const Ways after = ways(candidate, hashes, down);
        auto heirs = shares(after);
        for (unsigned i = 0; i < kFlows; ++i) {
            EXPECT_NE(after[i], down);
            if (before[i] != down) {
                ASSERT_EQ(after[i], before[i]);
            }
        }
        // Those that are left share what was its, as they share all else.
        const LabelList left = down == 1 ? LabelList{2, 3} : down == 2 ? LabelList{1, 3} : LabelList{1, 2};
        const double wanted = down == 1 ? 2.0 / 3 : down == 2 ? 3.0 / 4 : 3.0 / 5;
        EXPECT_NEAR(heirs[left[0]] / kFlows, wanted, 0.015);
    }
}

TEST(Spread, AChangeOfWeightMovesWhatItMustAndNothingBetweenOthers) {
    const auto hashes = flows();
    const Ways before = ways(over({1, 2, 3}, {4, 4, 4}), hashes);
    const Ways after = ways(over({1, 2, 3}, {8, 4, 4}), hashes);
    unsigned moved = 0;
    for (unsigned i = 0; i < kFlows; ++i) {
        if (before[i] != after[i]) {
            ++moved;
            ASSERT_EQ(after[i], 1);
        }
    }
    EXPECT_NEAR(double(moved) / kFlows, 1.0 / 2 - 1.0 / 3, 0.01);
}

TEST(Spread, AReserveCarriesOnlyWhenNobodyElseDoes) {
    const Candidate candidate = over({1, 2, 3, 4}, {2, 1});
    struct Row {
        std::vector<Label> up;
        std::vector<Label> carry;
    };
    const Row rows[] = {
        {{1, 2, 3, 4}, {1, 2}}, {{2, 3, 4}, {2}}, {{1, 4}, {1}}, {{3, 4}, {3}}, {{4}, {4}}, {{}, {0}},
    };
    for (const Row& row : rows) {
        std::map<Label, double> carried;
        for (const std::uint64_t hash : flows()) {
            ++carried[spread(candidate, {}, hash, [&](Label label) {
                return std::find(row.up.begin(), row.up.end(), label) != row.up.end();
            })];
        }
        std::vector<Label> carry;
        for (const auto& [label, count] : carried) {
            carry.push_back(label);
        }
        EXPECT_EQ(carry, row.carry);
    }
}

TEST(Spread, AReserveThatStandsFirstIsAReserveStill) {
    const Candidate candidate = over({1, 2}, {0, 1});
    EXPECT_EQ(shares(ways(candidate, flows()))[1], 0);
    EXPECT_EQ(shares(ways(candidate, flows(), 2))[1], kFlows);
}

TEST(Spread, WhatHasNoPortsGoesByItsAddresses) {
    FlowKey flow{.correspondent = wire::Ipv4Address{1}, .protocol = 1, .node = wire::Ipv4Address{2}};
    const std::uint64_t hash = hash_of(flow);
    flow.port = flow.node_port = 9;  // without has_port they are nothing
    EXPECT_EQ(hash_of(flow), hash);
    flow.protocol = 50;
    EXPECT_NE(hash_of(flow), hash);
    flow.protocol = 1;
    std::swap(flow.node, flow.correspondent);
    EXPECT_NE(hash_of(flow), hash) << "the ends of a flow are named by their part in it";
}

TEST(Spread, ChooseGoesByTheMode) {
    const auto all = [](Label) { return true; };
    Candidate candidate = over({5, 6}, {1, 1}, Mode::prefer);
    FlowKey flow{.correspondent = wire::Ipv4Address{1}, .protocol = 6, .has_port = true};
    std::map<Label, unsigned> preferred;
    std::map<Label, unsigned> spread_over;
    for (std::uint16_t port = 0; port < 100; ++port) {
        flow.port = port;
        candidate.mode = Mode::prefer;
        ++preferred[choose(candidate, {}, flow, all)];
        candidate.mode = Mode::spread;
        ++spread_over[choose(candidate, {}, flow, all)];
    }
    EXPECT_EQ(preferred, (std::map<Label, unsigned>{{5, 100}}));
    EXPECT_GT(spread_over[5], 30U);
    EXPECT_GT(spread_over[6], 30U);
    EXPECT_EQ(choose(Candidate{}, {}, flow, all), 0);
}

}  // namespace
}  // namespace homeward::policy
