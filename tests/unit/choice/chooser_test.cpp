#include "choice/chooser.h"

#include <gtest/gtest.h>

#include "allocations.h"
#include "choice/rate_sources.h"
#include "selection/catalogue.h"
#include "selection/random.h"

namespace homeward::choice {
namespace {

using selection::Trigger;

constexpr policy::Label kWlan = 1, kCellular = 2, kWire = 7;

selection::EngineSettings settings_of_all() {
    selection::EngineSettings settings;
    settings.pmp.site.path = {{0, 0}, {200, 0}};
    settings.pmp.site.points = {{{1, 1}, {0, 0}}, {{2, 0}, {200, 0}}};
    settings.pmp.learn_online = true;
    settings.hybrid.site = settings.pmp.site;
    return settings;
}

Chooser chooser_of(std::string_view engine) {
    std::vector<Uplink> uplinks(3);
    uplinks[0] = {kWlan, selection::Technology::wlan, 1, 0.0, std::nullopt};
    uplinks[1] = {kCellular, selection::Technology::lte, 2, 0.02, 100.0};
    uplinks[2] = {kWire, selection::Technology::ethernet, 3, std::nullopt, std::nullopt};
    Chooser::Settings settings;
    settings.deadline = std::chrono::seconds(10);
    Chooser chooser{selection::make_engine(engine, settings_of_all(), 1), settings, std::move(uplinks)};
    chooser.set_order({kWlan, kCellular});
    return chooser;
}

/// WLAN and cellular with these signals; nullopt: not usable.
std::array<UplinkSeen, 3> seen(selection::Known wlan_dbm, selection::Known cellular_dbm) {
    std::array<UplinkSeen, 3> all;
    all[0].usable = wlan_dbm.has_value();
    all[0].rssi_dbm = wlan_dbm;
    all[0].bssid = 1;
    all[1].usable = cellular_dbm.has_value();
    all[1].rssi_dbm = cellular_dbm;
    return all;
}

bool step(Chooser& chooser, double now, const std::array<UplinkSeen, 3>& uplinks,
          std::span<const FlowSeen> flows = {}) {
    chooser.observe(now, uplinks, flows, std::nullopt, std::nullopt);
    const bool changed = chooser.decide(now, Trigger::tick);
    if (changed) {
        chooser.executed(now, true);
    }
    return changed;
}

TEST(Chooser, BeginsWithTheOrderAsItIsWritten) {
    Chooser chooser = chooser_of("strongest");
    step(chooser, 0, seen(-60, -62));
    EXPECT_EQ(chooser.serving(), kWlan);
}

TEST(Chooser, TheEnginesChoiceComesFirst) {
    Chooser chooser = chooser_of("strongest");
    step(chooser, 0, seen(-60, -62));
    EXPECT_TRUE(step(chooser, 5, seen(-80, -62)));
    EXPECT_EQ(chooser.plan().first, kCellular);
    EXPECT_EQ(chooser.serving(), kCellular);
    ASSERT_EQ(chooser.records().size(), 2U);
    EXPECT_EQ(chooser.records().back().reason, selection::Reason::better);
    EXPECT_EQ(chooser.records().back().from, kWlan);
}

TEST(Chooser, WhatStoodInForADeadUplinkStaysUntilTheEngineSaysOtherwise) {
    Chooser chooser = chooser_of("strongest");
    step(chooser, 0, seen(-60, -62));
    EXPECT_TRUE(step(chooser, 5, seen(std::nullopt, -62)));
    EXPECT_EQ(chooser.plan().first, kCellular);
    EXPECT_FALSE(step(chooser, 6, seen(-60, -62))) << "back, but not better by the hysteresis";
    EXPECT_EQ(chooser.serving(), kCellular);
}

TEST(Chooser, AnUplinkThatTheDefaultDoesNotNameIsNotChosen) {
    Chooser chooser = chooser_of("strongest");
    auto uplinks = seen(-80, -90);
    uplinks[2].usable = true;
    uplinks[2].rssi_dbm = -20;
    for (int t = 0; t < 30; ++t) {
        step(chooser, t, uplinks);
        EXPECT_EQ(chooser.serving(), kWlan);
    }
    step(chooser, 31, [&] {
        auto only = seen(std::nullopt, std::nullopt);
        only[2] = uplinks[2];
        return only;
    }());
    EXPECT_EQ(chooser.serving(), 0);
}

TEST(Chooser, AnotherAccessPointOfTheSameUplinkIsNoHandover) {
    Chooser chooser = chooser_of("strongest");
    auto uplinks = seen(-60, -62);
    step(chooser, 0, uplinks);
    const std::uint64_t before = chooser.changes();
    for (int t = 1; t < 20; ++t) {
        uplinks[0].bssid = 1 + static_cast<selection::Bssid>(t) / 2;
        step(chooser, t, uplinks);
        EXPECT_EQ(chooser.serving(), kWlan);
    }
    EXPECT_EQ(chooser.changes(), before);
}

TEST(Chooser, BeginsWhereTheEngineBeforeItStood) {
    Chooser chooser = chooser_of("strongest");
    Plan plan;
    plan.first = kCellular;
    chooser.adopt(plan);
    EXPECT_FALSE(step(chooser, 0, seen(-60, -62)));
    EXPECT_EQ(chooser.serving(), kCellular);
}

TEST(Chooser, ParetoMovesFlowsByRules) {
    Chooser chooser = chooser_of("pareto");
    auto uplinks = seen(-60, -62);
    uplinks[0].rate_mbps = 2;
    uplinks[1].rate_mbps = 2;
    std::array<FlowSeen, 2> flows;
    for (std::uint32_t i = 0; i < 2; ++i) {
        flows[i] = {i, {wire::Ipv4Address(0xc0000201 + i), 6, 80}, kWlan, 1.8, 1, 1};
    }
    bool moved = false;
    for (int t = 0; t < 10 && !moved; ++t) {
        moved = step(chooser, t, uplinks, flows);
    }
    ASSERT_TRUE(moved);
    ASSERT_EQ(chooser.plan().flows.size(), 1U) << "one of two flows of 1.8 Mbit/s leaves a link of 2";
    EXPECT_EQ(chooser.plan().flows[0].uplink, kCellular);
}

/// Two flows of 1.8 Mbit/s on links of 2.
struct TwoFlows {
    TwoFlows() {
        uplinks[0].rate_mbps = uplinks[1].rate_mbps = 2;
        for (std::uint32_t i = 0; i < 2; ++i) {
            flows[i] = {i + 1, {wire::Ipv4Address(0xc0000201 + i), 6, 80}, kWlan, 1.8, 1, 1};
        }
    }
    /// Each flow where its rule says, else by the default.
    void follow(const Chooser& chooser) {
        for (FlowSeen& flow : flows) {
            flow.uplink = chooser.serving();
            for (const FlowRule& rule : chooser.plan().flows) {
                flow.uplink = rule.flow == flow.end ? rule.uplink : flow.uplink;
            }
        }
    }
    void run(Chooser& chooser, int seconds) {
        for (int i = 0; i < seconds; ++i) {
            step(chooser, now++, uplinks, flows);
            follow(chooser);
        }
    }
    std::array<UplinkSeen, 3> uplinks = seen(-60, -62);
    std::array<FlowSeen, 2> flows;
    double now = 0;
};

TEST(Chooser, FlowsLeaveAnUplinkWhoseRateFalls) {
    Chooser chooser = chooser_of("pareto");
    TwoFlows two;
    two.run(chooser, 10);
    EXPECT_NE(two.flows[0].uplink, two.flows[1].uplink) << "one each";
    two.uplinks[0].rate_mbps = 0.1;
    two.uplinks[1].rate_mbps = 8;
    two.run(chooser, 10);
    EXPECT_EQ(two.flows[0].uplink, kCellular);
    EXPECT_EQ(two.flows[1].uplink, kCellular);
}

TEST(RateSources, WhatWasMeasuredBeforeWhatWasWrittenBeforeTheBitRate) {
    struct Row {
        RateSources known;
        selection::Known best;
    };
    const Row rows[] = {{{}, std::nullopt},
                        {{std::nullopt, std::nullopt, std::nullopt, 50}, 30},
                        {{std::nullopt, std::nullopt, 10, 50}, 10},
                        {{std::nullopt, 4, 10, 50}, 4},
                        {{7, 4, 10, 50}, 7},
                        {{std::nullopt, 0, 10, 50}, 0}};
    for (const Row& row : rows) {
        EXPECT_EQ(row.known.best(), row.best);
    }
}

TEST(Chooser, WhatOthersTakeOfAnUplinkIsNotOffered) {
    Chooser chooser = chooser_of("pareto");
    TwoFlows two;
    two.uplinks[0].rate_mbps = 10;
    two.uplinks[0].bound_mbps = 9.9;
    two.uplinks[1].rate_mbps = 8;
    two.run(chooser, 10);
    EXPECT_EQ(two.flows[0].uplink, kCellular);
    EXPECT_EQ(two.flows[1].uplink, kCellular);
}

TEST(Chooser, ARuleVanishesWithItsFlow) {
    Chooser chooser = chooser_of("pareto");
    TwoFlows two;
    two.run(chooser, 10);
    ASSERT_EQ(chooser.plan().flows.size(), 1U);
    const std::uint64_t changes = chooser.changes();
    EXPECT_TRUE(step(chooser, two.now++, two.uplinks, {})) << "the policy has to change";
    EXPECT_TRUE(chooser.plan().flows.empty());
    EXPECT_EQ(chooser.changes(), changes) << "the engine changed nothing";
    EXPECT_FALSE(step(chooser, two.now++, two.uplinks, {}));
}

class EveryEngine : public ::testing::TestWithParam<std::string_view> {};

/// Random conditions: never an uplink that is not usable while another one is, and no memory asked for.
TEST_P(EveryEngine, NamesNoDeadUplinkAndAllocatesNothing) {
    Chooser chooser = chooser_of(GetParam());
    selection::Random random{5};
    std::array<FlowSeen, 12> flows;
    const auto conditions = [&] {
        auto uplinks = seen(random.chance(0.9) ? selection::Known{random.uniform(-95, -40)} : std::nullopt,
                            random.chance(0.9) ? selection::Known{random.uniform(-110, -70)} : std::nullopt);
        uplinks[1].rate_mbps = random.uniform(1, 30);
        for (std::uint32_t i = 0; i < flows.size(); ++i) {
            flows[i] = {i,
                        {wire::Ipv4Address(0xc0000201 + i), 6, 80},
                        random.chance(0.5) ? kWlan : kCellular,
                        random.uniform(0.1, 3),
                        5,
                        5};
        }
        return uplinks;
    };
    for (int i = 0; i < 300; ++i) {  // the first decisions may make room
        step(chooser, i * 0.7, conditions(), flows);
    }
    for (int i = 300; i < 1500; ++i) {
        const auto uplinks = conditions();
        const selection::Position fix{random.uniform(0, 1e-3), random.uniform(0, 1e-3), 5, std::nullopt, i * 0.7};
        const std::size_t before = selection::allocations();
        chooser.observe(i * 0.7, uplinks, flows, fix, selection::Device{});
        const bool changed = chooser.decide(i * 0.7, Trigger::fix);
        ASSERT_EQ(selection::allocations(), before) << "at " << i;
        if (changed) {
            chooser.executed(i * 0.7, true);
        }
        const policy::Label serving = chooser.serving();
        ASSERT_TRUE(serving == kWlan       ? uplinks[0].usable
                    : serving == kCellular ? uplinks[1].usable
                                           : !uplinks[0].usable && !uplinks[1].usable);
    }
}

INSTANTIATE_TEST_SUITE_P(Catalogue, EveryEngine, ::testing::ValuesIn(selection::engine_names()), [](const auto& each) {
    std::string name{each.param};
    std::erase(name, '-');
    return name;
});

}  // namespace
}  // namespace homeward::choice
