#include <gtest/gtest.h>

#include <set>

#include "scene_builder.h"
#include "selection/conventional.h"
#include "selection/heuristic.h"
#include "selection/manual.h"
#include "selection/signal_handover.h"
#include "selection/static_preference.h"
#include "selection/strongest_signal.h"
#include "selection/supplicant_ladder.h"

namespace homeward::selection {
namespace {

constexpr LinkKey kA{1, 10};
constexpr LinkKey kB{1, 11};
constexpr LinkKey kCellular{2, 0};

LinkKey decide(Engine& engine, const Scene& scene) {
    engine.observe(scene);
    return engine.decide(scene, Trigger::tick, {}).serving;
}

TEST(StaticPreference, FirstOfTheOrderThatIsUp) {
    StaticPreference::Settings settings;
    settings.order.push_back(1);
    settings.order.push_back(2);
    StaticPreference engine{settings};
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -90), cellular(2, -60)}, kCellular)), kA);
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -90, false), cellular(2, -60)}, kA)), kCellular);
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -90), wlan(1, 11, -50)}, kA)), kA) << "no roaming";
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -90), wlan(1, 11, -50)}, {})), kB);
    EXPECT_EQ(decide(engine, scene_of({cellular(3, -60)}, {})), (LinkKey{3, 0})) << "not named: last";
    EXPECT_FALSE(decide(engine, scene_of({}, {})).named());
}

TEST(StrongestSignal, NeedsMoreThanTheHysteresis) {
    struct Row {
        double hysteresis;
        Known here;
        Known there;
        LinkKey expected;
    };
    const Row rows[] = {{0, -60, -60, kA},   {0, -60, -59, kB},          {3, -60, -57, kA},         {6, -60, -54, kA},
                        {6, -60, -53.9, kB}, {6, std::nullopt, -50, kA}, {0, -60, std::nullopt, kA}};
    for (const Row& row : rows) {
        StrongestSignal engine{{row.hysteresis}};
        EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, row.here), wlan(1, 11, row.there)}, kA)), row.expected)
            << row.hysteresis;
    }
    StrongestSignal engine{{6}};
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -40, false), wlan(1, 11, std::nullopt)}, kA)), kB) << "dead";
}

TEST(Conventional, StaysUntilWeakThenJoinsAnyAround) {
    Conventional engine{{}, 1};
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -80), wlan(1, 11, -40)}, kA)), kA);
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -81), wlan(1, 11, -84)}, kA)), kA) << "none above the floor";
    std::set<Bssid> joined;
    for (int i = 0; i < 50; ++i) {
        const Decision decision = engine.decide(
            scene_of({wlan(1, 10, -81), wlan(1, 11, -82), wlan(1, 12, -50), wlan(1, 13, -84)}, kA), Trigger::tick, {});
        EXPECT_EQ(decision.mode, Mode::break_before_make);
        joined.insert(decision.serving.bssid);
    }
    EXPECT_EQ(joined, (std::set<Bssid>{11, 12}));
}

TEST(SupplicantLadder, GainByLevelAndRate) {
    const SupplicantLadder engine{{}};
    struct Row {
        double level, serving_mbps, other_mbps, gain;
    };
    constexpr Row kRows[] = {{-60, 26, 26, 5}, {-70, 26, 26, 4},  {-75, 26, 26, 3},  {-80, 26, 26, 2},
                             {-85, 26, 26, 1}, {-60, 40, 26, 15}, {-60, 33, 26, 10}, {-60, 29, 26, 7},
                             {-60, 27, 26, 6}, {-60, 26, 40, -5}, {-60, 26, 33, 0},  {-60, 26, 29, 3},
                             {-60, 26, 27, 4}, {-90, 26, 26, 1}};
    for (const Row& row : kRows) {
        EXPECT_EQ(engine.needed_gain_db(row.level, row.serving_mbps, row.other_mbps), row.gain)
            << row.level << ' ' << row.serving_mbps << ' ' << row.other_mbps;
    }
}

TEST(SupplicantLadder, RoamsAtScansOnly) {
    SupplicantLadder engine{{}};
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -60), wlan(1, 11, -40)}, kA, 0)), kA) << "SNR above great";
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -80), wlan(1, 11, -40)}, kA, 29)), kA) << "no scan yet";
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -80), wlan(1, 11, -40)}, kA, 30)), kB);
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -80, false), wlan(1, 11, -40)}, kA, 31)), kB) << "dead: at once";
}

TEST(Heuristic, EveryHalfMinuteTheBetterQuality) {
    Heuristic engine{{}};
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -60), cellular(2, -80)}, kCellular, 0)), kA);
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -88), cellular(2, -60)}, kA, 29)), kA) << "not yet";
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, -88), cellular(2, -60)}, kA, 30)), kCellular);
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 10, std::nullopt)}, {}, 31)), kA) << "unknown, but the only one";
}

TEST(Heuristic, LeansToWlanAfterMuchTraffic) {
    const auto serving_after = [](double mbps) {
        Heuristic engine{{}};
        Scene scene = scene_of({wlan(1, 10, -72), cellular(2, -80)}, kCellular);
        scene.flows.push_back(flow(1, mbps));
        return decide(engine, scene);
    };
    EXPECT_EQ(serving_after(0.1), kCellular);
    EXPECT_EQ(serving_after(2), kA);
}

TEST(Manual, KnownNetworksOnlyAndSeldom) {
    Manual::Settings settings;
    settings.known_domains.push_back(5);
    settings.toggle_s = 100;
    Manual engine{settings, 3};
    Link home = wlan(1, 10, -50);
    home.domain = 5;
    EXPECT_EQ(decide(engine, scene_of({home, cellular(2, -80)}, kCellular, 0)), kCellular) << "nobody looked yet";
    EXPECT_EQ(decide(engine, scene_of({home, cellular(2, -80)}, kCellular, 2000)), kA);
    EXPECT_EQ(decide(engine, scene_of({home, wlan(1, 11, -30), cellular(2, -80)}, kA, 2001)), kA);
    EXPECT_EQ(decide(engine, scene_of({wlan(1, 11, -30), cellular(2, -80)}, kCellular, 2002)), kCellular) << "unknown";
    EXPECT_EQ(decide(engine, scene_of({home, cellular(2, -80)}, kCellular, 2002.5)), kCellular)
        << "switched off when it was lost, and nobody looked since";
    engine.want_wlan(false);
    EXPECT_EQ(decide(engine, scene_of({home, cellular(2, -80)}, kA, 2003)), kCellular);
}

class SignalHandoverTest : public ::testing::Test {
  protected:
    LinkKey at(Seconds now, Known rssi, LinkKey serving, Technology technology = Technology::umts) {
        const Scene scene = scene_of({wlan(1, 10, rssi, rssi.has_value()), cellular(2, -70, technology)}, serving, now);
        return decide(engine_, scene);
    }
    SignalHandover engine_{{}};
};

TEST_F(SignalHandoverTest, LeavesAWeakWlanAfterTwoSeconds) {
    EXPECT_EQ(at(0, -85, kA), kA);
    EXPECT_EQ(at(1, -85, kA), kA);
    EXPECT_EQ(at(2, -85, kA), kCellular);
}

TEST_F(SignalHandoverTest, SmoothsASingleDip) {
    EXPECT_EQ(at(0, -70, kA), kA);
    EXPECT_EQ(at(1, -70, kA), kA);
    EXPECT_EQ(at(2, -74, kA), kA);
    EXPECT_EQ(at(3, -70, kA), kA);
}

TEST_F(SignalHandoverTest, LooksAheadAlongTheSlope) {
    Seconds left = 0;
    double level = -60;
    for (int t = 0; t < 30; ++t) {
        if (at(t, level, kA) != kA) {
            left = t;
            break;
        }
        level -= 3;
    }
    // At 3 dB/s the smoothed level lags by 7 dB; two seconds ahead it is below −80 before it is so itself.
    EXPECT_GT(left, 4);
    EXPECT_LT(left, 9);
}

TEST_F(SignalHandoverTest, PreparesLessForLte) {
    const auto left_at = [](Technology technology) {
        SignalHandover engine{{}};
        int now = 0;
        for (; now < 30; ++now) {
            const Scene scene = scene_of({wlan(1, 10, -60.0 - 3 * now), cellular(2, -70, technology)}, kA, now);
            if (decide(engine, scene) != kA) {
                break;
            }
        }
        return now;
    };
    EXPECT_LT(left_at(Technology::umts), left_at(Technology::lte));
}

TEST_F(SignalHandoverTest, ReturnsAfterFiveStrongSeconds) {
    for (int t = 0; t < 5; ++t) {
        EXPECT_EQ(at(t, -60, kCellular), kCellular) << t;
    }
    EXPECT_EQ(at(5, -60, kCellular), kA);
}

TEST_F(SignalHandoverTest, LostLinkAtOnceAndUnknownIsNotWeak) {
    EXPECT_EQ(at(0, std::nullopt, kA), kCellular);
    const Scene scene = scene_of({wlan(1, 10, std::nullopt), cellular(2, -70)}, kA, 1);
    EXPECT_EQ(decide(engine_, scene), kA);
}

TEST_F(SignalHandoverTest, FlappingDoublesTheHoldOffUpTo40Seconds) {
    Seconds now = 0;
    const Seconds expected[] = {5, 10, 20, 40, 40};
    for (const Seconds hold_off : expected) {
        ASSERT_EQ(engine_.hold_off_s(), hold_off);
        const Seconds from = now;
        while (at(now, -50, kCellular) == kCellular) {
            ++now;
        }
        EXPECT_NEAR(now - from, hold_off, 1);
        ASSERT_EQ(at(++now, std::nullopt, kA), kCellular);
        ++now;
    }
}

TEST_F(SignalHandoverTest, RoamsToAMuchStrongerAccessPoint) {
    const auto with = [&](double there) {
        SignalHandover engine{{}};
        return decide(engine, scene_of({wlan(1, 10, -60), wlan(1, 11, there), cellular(2, -70)}, kA));
    };
    EXPECT_EQ(with(-54), kA);
    EXPECT_EQ(with(-53), kB);
}

TEST_F(SignalHandoverTest, BothGone) {
    EXPECT_EQ(decide(engine_, scene_of({wlan(1, 10, -60, false)}, kA)), kA);
    EXPECT_EQ(engine_.decide(scene_of({}, kA), Trigger::tick, {}).reason, Reason::no_candidate);
}

}  // namespace
}  // namespace homeward::selection
