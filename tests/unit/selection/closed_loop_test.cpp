#include "selection/closed_loop.h"

#include <gtest/gtest.h>

#include <cmath>

#include "scene_builder.h"

namespace homeward::selection {
namespace {

constexpr LinkKey kA{1, 10};
constexpr LinkKey kB{1, 11};
constexpr LinkKey kCellular{2, 0};

/// WLAN: fast and free; cellular: slow and dear.
Scene usual_scene(LinkKey serving, Seconds now = 0) {
    Link fast = wlan(1, 10, -55);
    fast.rate_mbps = 20;
    fast.cost_per_mb = 0;
    Link slow = cellular(2, -80);
    slow.rate_mbps = 1;
    slow.cost_per_mb = 0.1;
    return scene_of({fast, slow}, serving, now);
}

Decision decide(ClosedLoop& engine, const Scene& scene) {
    engine.observe(scene);
    return engine.decide(scene, Trigger::tick, {});
}

TEST(ClosedLoop, GoesToTheBetterLinkAtOnceWhenNothingIsOpen) {
    ClosedLoop engine{{}};
    EXPECT_EQ(decide(engine, usual_scene(kCellular)).serving, kA);
    EXPECT_EQ(decide(engine, usual_scene(kA)).reason, Reason::hold);
}

TEST(ClosedLoop, WaitsForAGapOrForTheWaitToEnd) {
    struct Row {
        const char* name;
        Seconds flow_ends;
        Seconds expected;
    };
    // T_w = 30 · 0.5 · (0.5·0.5 + 0.2) = 6.75 s
    constexpr Row kRows[] = {{"a gap after 3 s", 3, 3}, {"no gap", 100, 7}};
    for (const Row& row : kRows) {
        ClosedLoop engine{{}};
        int now = 0;
        for (; now < 50; ++now) {
            Scene scene = usual_scene(kCellular, now);
            if (now < row.flow_ends) {
                scene.flows.push_back(flow(1, 0.5, 2));
            }
            const Decision decision = decide(engine, scene);
            if (decision.change) {
                break;
            }
            EXPECT_EQ(decision.reason, Reason::waiting);
        }
        EXPECT_EQ(now, row.expected) << row.name;
    }
}

TEST(ClosedLoop, WaitGrowsWithContinuityAndWithTheApp) {
    struct Row {
        AppNeed need;
        double expected;
    };
    constexpr Row kRows[] = {
        {{7, false, 1, 0}, 0.2}, {{7, true, 1, 0}, 0.5}, {{7, true, 1, 1}, 1.0}, {{8, true, 1, 1}, 0.45}};
    for (const Row& row : kRows) {
        ClosedLoop engine{{}};
        ASSERT_TRUE(engine.list_app(row.need));
        Scene scene = usual_scene(kCellular);
        scene.flows.push_back(flow(1, 0.5, 2));
        scene.flows[0].app = 7;
        EXPECT_NEAR(engine.wait_s(scene), 30 * 0.5 * row.expected, 1e-9);
    }
    ClosedLoop::Settings tunnel;
    tunnel.flows_survive = true;
    Scene scene = usual_scene(kCellular);
    scene.flows.push_back(flow(1, 0.5, 2));
    EXPECT_EQ(ClosedLoop{tunnel}.wait_s(scene), 0);
}

TEST(ClosedLoop, CancelsWhenTheOtherIsBetterNoMore) {
    ClosedLoop engine{{}};
    const auto at = [&](Seconds now, bool better) {
        Scene scene = usual_scene(kCellular, now);
        scene.links[0].up = better;
        scene.flows.push_back(flow(1, 0.5, 2));
        return decide(engine, scene);
    };
    EXPECT_EQ(at(0, true).reason, Reason::waiting);
    EXPECT_EQ(at(1, false).reason, Reason::hold);
    EXPECT_EQ(at(2, true).reason, Reason::waiting) << "one second: the wait goes on";
    EXPECT_EQ(at(3, false).reason, Reason::hold);
    EXPECT_EQ(at(5, false).reason, Reason::hold);
    for (int now = 6; now < 12; ++now) {
        EXPECT_EQ(at(now, true).reason, Reason::waiting) << "begun anew at 6: " << now;
    }
}

TEST(ClosedLoop, BypassesTheWaitWhenTheServingLinkIsUnusable) {
    struct Row {
        const char* name;
        void (*spoil)(Link&);
        Reason reason;
    };
    const Row rows[] = {
        {"dead", [](Link& link) { link.up = false; }, Reason::dead},
        {"too weak: −85 + 10·α, less the hysteresis", [](Link& link) { link.rssi_dbm = -86.5; }, Reason::weak},
        {"loses a third", [](Link& link) { link.loss = 0.33; }, Reason::weak},
        {"no quota", [](Link& link) { link.quota_left_mb = 0; }, Reason::weak},
    };
    for (const Row& row : rows) {
        ClosedLoop engine{{}};
        Scene scene = usual_scene(kA);
        scene.flows.push_back(flow(1, 0.5, 1));
        row.spoil(scene.links[0]);
        const Decision decision = decide(engine, scene);
        EXPECT_EQ(decision.serving, kCellular) << row.name;
        EXPECT_EQ(decision.reason, row.reason) << row.name;
    }
}

TEST(ClosedLoop, InadmissibleIsBetterThanNothing) {
    ClosedLoop engine{{}};
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -89)}, {})).serving, kA);
    EXPECT_EQ(decide(engine, scene_of({}, kA)).reason, Reason::no_candidate);
}

TEST(ClosedLoop, RoamsWithinADomainAtOnce) {
    for (const bool same : {true, false}) {
        ClosedLoop engine{{}};
        Link here = wlan(1, 10, -70);
        here.rate_mbps = 1;
        Link there = wlan(1, 11, -50);
        there.rate_mbps = 10;
        there.domain = same ? 0 : 1;
        Scene scene = scene_of({here, there}, kA);
        scene.flows.push_back(flow(1, 5, 1));
        EXPECT_EQ(decide(engine, scene).serving, same ? kB : kA);
    }
}

TEST(ClosedLoop, WeightsChooseTheLink) {
    struct Row {
        const char* name;
        Preference::Vector wanted;
        LinkKey expected;
    };
    // Cellular here is fast and dear; WLAN slow, free and hungry for its megabits.
    constexpr Row kRows[] = {{"performance", {1, 0, 0, 0}, kCellular},
                             {"energy", {0, 1, 0, 0}, kCellular},
                             {"offloading", {0, 0, 1, 0}, kA}};
    for (const Row& row : kRows) {
        ClosedLoop engine{{}};
        ASSERT_TRUE(engine.restore(row.wanted));
        Link slow = wlan(1, 10, -55);
        slow.rate_mbps = 0.5;
        slow.cost_per_mb = 0;
        Link fast = cellular(2, -80);
        fast.rate_mbps = 10;
        fast.cost_per_mb = 0.1;
        EXPECT_EQ(decide(engine, scene_of({slow, fast}, row.expected == kA ? kCellular : kA)).serving, row.expected)
            << row.name;
    }
}

TEST(ClosedLoop, PolicyFollowsThePreferenceOneAtATime) {
    ClosedLoop::Settings settings;
    settings.preference.learning = Preference::Learning::step;
    ClosedLoop engine{settings};
    engine.observe(usual_scene(kA, 0));
    engine.feedback({2, 2, -1, 1}, 0);
    const Preference::Vector expected[] = {{0.7, 0.5, 0.5, 0.6}, {0.7, 0.7, 0.5, 0.6}, {0.7, 0.7, 0.4, 0.6}};
    for (const auto& each : expected) {
        engine.observe(usual_scene(kA, 0));
        for (std::size_t d = 0; d < each.size(); ++d) {
            EXPECT_NEAR(engine.policy()[d], each[d], 1e-9);
        }
    }
}

TEST(ClosedLoop, DropsTheWaitWhenTheClockJumps) {
    ClosedLoop engine{{}};
    const auto at = [&](Seconds now) {
        Scene scene = usual_scene(kCellular, now);
        scene.flows.push_back(flow(1, 0.5, 2));
        return decide(engine, scene);
    };
    EXPECT_EQ(at(0).reason, Reason::waiting);
    EXPECT_EQ(at(100).reason, Reason::waiting) << "over by the clock, but the clock jumped";
    EXPECT_EQ(at(106).reason, Reason::waiting);
    EXPECT_TRUE(at(107).change);
}

TEST(ClosedLoop, SaysWhatAHandoverChanged) {
    ClosedLoop engine{{}};
    ASSERT_TRUE(decide(engine, usual_scene(kCellular, 0)).change);
    engine.report({1, kA, true});
    ASSERT_TRUE(engine.consequence());
    EXPECT_FALSE(engine.consequence()->measured);
    Scene later = usual_scene(kA, 11);
    later.links[0].rate_mbps = 0.1;
    for (int now = 2; now <= 11; ++now) {
        later.now = now;
        engine.observe(later);
    }
    ASSERT_TRUE(engine.consequence()->measured);
    EXPECT_LT(engine.consequence()->after[0], 0.7) << "the promised 20 Mbps did not come";
    EXPECT_GT(engine.consequence()->after[2], engine.consequence()->before[2]);
    ASSERT_TRUE(decide(engine, usual_scene(kCellular, 12)).change);
    engine.report({13, kA, false});
    EXPECT_FALSE(engine.consequence()) << "it did not happen";
}

TEST(ClosedLoop, AppsAreListedByTheUser) {
    ClosedLoop engine{{}};
    EXPECT_FALSE(engine.list_app({1, false, -1, 0.5}));
    EXPECT_FALSE(engine.list_app({1, false, 1, 1.5}));
    EXPECT_FALSE(engine.list_app({1, false, 1, std::nan("")}));
    for (std::uint16_t app = 1; app <= 64; ++app) {
        EXPECT_TRUE(engine.list_app({app, false, 1, 0.5}));
    }
    EXPECT_FALSE(engine.list_app({65, false, 1, 0.5})) << "full";
    EXPECT_TRUE(engine.list_app({3, true, 1, 1})) << "replaces";
    engine.unlist_app(3);
    EXPECT_TRUE(engine.list_app({65, false, 1, 0.5}));
}

TEST(ClosedLoop, RemembersWhatItLearned) {
    ClosedLoop engine{{}};
    engine.feedback({2, -2, 1, 0}, 0);
    ClosedLoop other{{}};
    ASSERT_TRUE(other.restore(engine.snapshot()));
    EXPECT_EQ(other.preference(), engine.preference());
    const double outside[] = {0.5, 0.5, 0.5, 1.5};
    EXPECT_FALSE(other.restore(outside));
    EXPECT_FALSE(other.restore({}));
}

TEST(Preference, StepsAndClips) {
    Preference::Settings settings;
    settings.learning = Preference::Learning::step;
    Preference preference{settings};
    preference.score({1, -2, 0, std::nan("")}, 0);
    EXPECT_NEAR(preference.vector()[0], 0.6, 1e-12);
    EXPECT_NEAR(preference.vector()[1], 0.3, 1e-12);
    EXPECT_EQ(preference.vector()[2], 0.5);
    EXPECT_EQ(preference.vector()[3], 0.5) << "NaN was not given";
    for (int i = 0; i < 5; ++i) {
        preference.score({0, -100, 0, 0}, i);
    }
    EXPECT_EQ(preference.vector()[1], 0) << "scores and values stay in range";
}

TEST(Preference, FreezesWhileScoresContradict) {
    Preference::Settings settings;
    settings.learning = Preference::Learning::step;
    Preference preference{settings};
    double before = 0.5;
    for (int i = 0; i < 9; ++i) {
        before = preference.vector()[0];
        preference.score({i % 2 == 0 ? 1.0 : -1.0, 0, 0, 0}, i);
        EXPECT_NEAR(std::abs(preference.vector()[0] - before), i > 6 ? 0.02 : 0.1, 1e-9) << i;
    }
    before = preference.vector()[0];
    preference.score({1, 0, 0, 0}, 1000);
    EXPECT_NEAR(preference.vector()[0] - before, 0.1, 1e-9) << "ten minutes later";
}

TEST(Preference, FadesWithinADay) {
    Preference preference{{}};
    preference.fade(0);
    preference.score({2, 0, 0, 0}, 0);
    const double learned = preference.vector()[0] - 0.5;
    ASSERT_GT(learned, 0.1);
    preference.fade(86'400);
    EXPECT_NEAR(preference.vector()[0] - 0.5, learned / 2, 1e-9);
}

}  // namespace
}  // namespace homeward::selection
