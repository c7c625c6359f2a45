#include "selection/guard.h"

#include <gtest/gtest.h>

#include <cmath>

#include "scene_builder.h"

namespace homeward::selection {
namespace {

constexpr LinkKey kA{1, 10};
constexpr LinkKey kB{1, 11};

Decision want(const Scene& scene, LinkKey target) {
    return go(scene, target, Reason::better);
}

TEST(Guard, NamesNoDeadLink) {
    struct Row {
        const char* name;
        bool serving_up;
        bool target_up;
        LinkKey expected;
        Reason reason;
    };
    constexpr Row kRows[] = {
        {"both up", true, true, kB, Reason::better},
        {"target dead: stays", true, false, kA, Reason::rescue},
        {"serving dead: goes", false, true, kB, Reason::better},
        {"both dead", false, false, kA, Reason::no_candidate},
    };
    for (const Row& row : kRows) {
        Guard guard{{}};
        const Scene scene = scene_of({wlan(1, 10, -60, row.serving_up), wlan(1, 11, -50, row.target_up)}, kA);
        const Decision passed = guard.pass(scene, want(scene, kB));
        EXPECT_EQ(passed.serving, row.expected) << row.name;
        EXPECT_EQ(passed.reason, row.reason) << row.name;
        EXPECT_EQ(passed.change, passed.serving != kA) << row.name;
    }
}

TEST(Guard, RescuesFromADeadLinkThatTheEngineHoldsOn) {
    Guard guard{{}};
    const Scene scene = scene_of({wlan(1, 10, -60, false), wlan(1, 11, -80), cellular(2, -70)}, kA);
    const Decision passed = guard.pass(scene, hold(scene));
    EXPECT_EQ(passed.serving, (LinkKey{2, 0}));
    EXPECT_EQ(passed.reason, Reason::rescue);
    EXPECT_EQ(passed.mode, Mode::break_before_make);
}

TEST(Guard, DwellsUnlessTheServingLinkIsDead) {
    struct Row {
        Seconds after;
        bool serving_up;
        bool changes;
    };
    constexpr Row kRows[] = {{1.9, true, false}, {1.9, false, true}, {2.0, true, true}};
    for (const Row& row : kRows) {
        Guard guard{{}};
        const Scene first = scene_of({wlan(1, 10, -60), wlan(1, 11, -50)}, kA, 100);
        ASSERT_TRUE(guard.pass(first, want(first, kB)).change);
        guard.report({100, kB, true});
        const Scene second = scene_of({wlan(1, 10, -60), wlan(1, 11, -50, row.serving_up)}, kB, 100 + row.after);
        EXPECT_EQ(guard.pass(second, want(second, kA)).change, row.changes) << row.after;
    }
}

TEST(Guard, OneHandoverAtATime) {
    Guard guard{{}};
    const auto at = [&](Seconds now) {
        const Scene scene = scene_of({wlan(1, 10, -60), wlan(1, 11, -50)}, kA, now);
        return guard.pass(scene, want(scene, kB));
    };
    EXPECT_TRUE(at(0).change);
    EXPECT_EQ(at(3).reason, Reason::pending);
    EXPECT_TRUE(at(5).change) << "given up after pending_s";
    guard.report({6, kB, false});
    EXPECT_EQ(at(6.5).reason, Reason::dwell);
    EXPECT_TRUE(at(7).change) << "reported, and stayed long enough";
}

TEST(Guard, FlowsMoveToLivingInterfacesAndStay) {
    Guard guard{{}};
    Scene scene = scene_of({wlan(1, 10, -60), cellular(2, -70), wlan(3, 12, -60, false)}, kA);
    scene.flows.push_back(flow(7, 1, 1));
    scene.flows.push_back(flow(8, 1, 3));
    Decision wanted = hold(scene);
    const auto moves = [&](std::initializer_list<FlowMove> list) {
        wanted.moves.clear();
        for (const FlowMove& each : list) {
            wanted.moves.push_back(each);
        }
        return guard.pass(scene, wanted).moves.size();
    };
    EXPECT_EQ(moves({{7, 3}}), 0U) << "3 is down";
    EXPECT_EQ(moves({{7, kNoInterface}}), 0U) << "nothing parks a flow whose interface is up";
    EXPECT_EQ(moves({{9, 2}}), 0U) << "no such flow";
    EXPECT_EQ(moves({{7, 1}}), 0U) << "there already";
    EXPECT_EQ(moves({{7, 2}, {8, 2}}), 2U);
    scene.flows[0].interface = scene.flows[1].interface = 2;
    scene.now = 1;
    EXPECT_EQ(moves({{7, 1}}), 0U) << "dwells";
    scene.now = 2;
    EXPECT_EQ(moves({{7, 1}}), 1U);
}

TEST(Surroundings, ForgetsFieldByField) {
    Surroundings surroundings{{}};
    Link link = wlan(1, 10, -60);
    link.rtt_ms = 20;
    surroundings.take(seen(0, {link}));
    for (int t = 1; t <= 4; ++t) {
        surroundings.take(seen(t, {wlan(1, 10, -60 - t)}));
    }
    const Scene& scene = surroundings.at(4);
    ASSERT_EQ(scene.links.size(), 1U);
    EXPECT_EQ(scene.links[0].rssi_dbm, -64);
    EXPECT_FALSE(scene.links[0].rtt_ms) << "four periods old";
    EXPECT_EQ(surroundings.at(7).links.size(), 1U) << "three periods";
    EXPECT_EQ(surroundings.at(7.1).links.size(), 0U) << "gone";
}

TEST(Surroundings, UnknownIsNotZero) {
    Surroundings surroundings{{}};
    surroundings.take(seen(0, {wlan(1, 10, -60)}));
    surroundings.take(seen(1, {wlan(1, 10, std::nullopt)}));
    EXPECT_EQ(surroundings.at(1).links[0].rssi_dbm, -60) << "the last value is still fresh";
    surroundings.take(seen(2, {wlan(1, 10, std::nan(""))}));
    EXPECT_EQ(surroundings.at(2).links[0].rssi_dbm, -60) << "NaN was not seen";
    EXPECT_FALSE(surroundings.at(2).links[0].loss);
}

TEST(Surroundings, RefusesWhatMakesNoSense) {
    Surroundings surroundings{{}};
    surroundings.take(seen(10, {wlan(1, 10, -60)}));
    surroundings.take(seen(9, {wlan(1, 10, -20)}));
    EXPECT_EQ(surroundings.at(10).links[0].rssi_dbm, -60) << "time went back";
    surroundings.take(seen(11, {wlan(kNoInterface, 10, -60)}));
    EXPECT_EQ(surroundings.at(11).links.size(), 1U) << "a link without interface";
    Observation strange = seen(12, {});
    strange.has_flows = true;
    for (const double demand : {0.0, -1.0, std::nan(""), 1.0}) {
        strange.flows.push_back(flow(1, demand));
    }
    strange.position = Position{91, 0, 5, std::nullopt, 0};
    surroundings.take(strange);
    EXPECT_EQ(surroundings.at(12).flows.size(), 1U);
    EXPECT_FALSE(surroundings.at(12).position);
}

TEST(Surroundings, OldestLinkMakesRoom) {
    Surroundings surroundings{{.period_s = 1000}};
    for (Bssid bssid = 1; bssid <= kMaxLinks + 1; ++bssid) {
        surroundings.take(seen(static_cast<Seconds>(bssid), {wlan(1, bssid, -60)}));
    }
    const Scene& scene = surroundings.at(kMaxLinks + 1);
    EXPECT_EQ(scene.links.size(), kMaxLinks);
    EXPECT_EQ(scene.find({1, 1}), nullptr);
    EXPECT_NE(scene.find({1, kMaxLinks + 1}), nullptr);
}

TEST(Selector, HoldsWhenTimeIsUp) {
    class Never final : public Engine {
      public:
        std::string_view name() const override { return "never"; }
        Decision decide(const Scene& scene, Trigger /*trigger*/, const Deadline& /*deadline*/) override {
            return go(scene, {2, 0}, Reason::better);
        }
    };
    Selector selector{std::make_unique<Never>(), {}};
    selector.observe(seen(0, {wlan(1, 10, -60), cellular(2, -60)}, kA));
    const Deadline passed{[](void* /*context*/) -> std::uint64_t { return 10; }, nullptr, 5};
    EXPECT_EQ(selector.decide(0, Trigger::tick, passed).reason, Reason::deadline);
    EXPECT_EQ(selector.decide(0, Trigger::tick).serving, (LinkKey{2, 0}));
}

}  // namespace
}  // namespace homeward::selection
