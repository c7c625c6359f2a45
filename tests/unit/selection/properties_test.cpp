#include <gtest/gtest.h>

#include <algorithm>

#include "allocations.h"
#include "scene_builder.h"
#include "selection/catalogue.h"

namespace homeward::selection {
namespace {

EngineSettings settings_of_all() {
    EngineSettings settings;
    settings.pmp.site.latitude = settings.hybrid.site.latitude = 45;
    settings.pmp.site.longitude = settings.hybrid.site.longitude = 7;
    settings.pmp.site.path = {{-100, -50}, {100, 50}};
    for (int i = 0; i < 4; ++i) {
        settings.pmp.site.points.push_back({{1, static_cast<Bssid>(i + 1)}, {-75.0 + 50 * i, -37.0 + 25 * i}});
    }
    settings.pmp.model.reach_m = 60;
    settings.pmp.learn_online = true;
    settings.hybrid.site = settings.pmp.site;
    settings.fixed.order.push_back(2);
    settings.fixed.order.push_back(1);
    return settings;
}

Selector selector_of(std::string_view name, std::uint64_t seed) {
    return Selector{make_engine(name, settings_of_all(), seed), {}};
}

class EveryEngine : public ::testing::TestWithParam<std::string_view> {};

/// What a daemon does: observes, asks, executes at once, reports.
template <typename Check>
void drive(Selector& selector, RandomScenes& scenes, int steps, const Check& check) {
    LinkKey serving;
    for (int i = 0; i < steps; ++i) {
        const Seconds now = i * 0.7;
        const Observation observation = scenes.next(now, serving);
        selector.observe(observation);
        const Decision decision = selector.decide(now, Trigger::tick);
        check(observation, decision);
        if (decision.change) {
            selector.report({now, decision.serving, true});
            serving = decision.serving;
        }
        if (i % 50 == 0) {
            selector.feedback({1, -1, 2, -2}, now);
        }
    }
}

TEST_P(EveryEngine, NeverChangesToADeadLinkNorMovesFlowsToOne) {
    for (std::uint64_t seed = 1; seed <= 5; ++seed) {
        Selector selector = selector_of(GetParam(), seed);
        RandomScenes scenes{seed};
        Surroundings surroundings{{}};
        drive(selector, scenes, 1000, [&](const Observation& observation, const Decision& decision) {
            surroundings.take(observation);
            const Scene& scene = surroundings.at(observation.at);
            const bool any_up = std::any_of(scene.links.begin(), scene.links.end(), [](const Link& l) { return l.up; });
            const Link* named = scene.find(decision.serving);
            ASSERT_TRUE(!any_up || (named != nullptr && named->up)) << "at " << observation.at;
            for (const FlowMove& move : decision.moves) {
                ASSERT_TRUE(move.to == kNoInterface || scene.up(move.to));
            }
        });
    }
}

TEST_P(EveryEngine, SameSeedSameDecisions) {
    std::vector<LinkKey> first;
    std::vector<std::size_t> moves;
    for (const bool again : {false, true}) {
        Selector selector = selector_of(GetParam(), 42);
        RandomScenes scenes{7};
        std::size_t step = 0;
        drive(selector, scenes, 500, [&](const Observation& /*observation*/, const Decision& decision) {
            if (again) {
                ASSERT_EQ(decision.serving, first[step]);
                ASSERT_EQ(decision.moves.size(), moves[step]);
            } else {
                first.push_back(decision.serving);
                moves.push_back(decision.moves.size());
            }
            ++step;
        });
    }
}

TEST_P(EveryEngine, ChangesNoMoreOftenThanTheGuardAllows) {
    Selector selector = selector_of(GetParam(), 3);
    RandomScenes scenes{11};
    Seconds last = -100;
    LinkKey before;
    Surroundings surroundings{{}};
    drive(selector, scenes, 2000, [&](const Observation& observation, const Decision& decision) {
        surroundings.take(observation);
        const bool alive = surroundings.at(observation.at).alive() != nullptr;
        if (decision.change) {
            EXPECT_TRUE(!alive || observation.at - last >= 2) << observation.at;
            EXPECT_NE(decision.serving, before);
            last = observation.at;
            before = decision.serving;
        }
    });
}

TEST_P(EveryEngine, ReturnsWhenTimeRunsOut) {
    Selector selector = selector_of(GetParam(), 3);
    RandomScenes scenes{12};
    std::uint64_t clock = 0;
    for (int i = 0; i < 200; ++i) {
        selector.observe(scenes.next(i, {1, 1}));
        clock = 0;
        const Deadline deadline{[](void* context) { return (*static_cast<std::uint64_t*>(context))++; }, &clock, 2};
        selector.decide(i, Trigger::tick, deadline);
        EXPECT_LT(clock, 12U) << "asked on after the deadline";
    }
}

/// Nothing but `new` in what observes, decides and reports is counted; `steps` after as many that may make room.
std::size_t allocations_of(std::string_view engine, std::uint32_t most_flows, int steps) {
    Selector selector = selector_of(engine, 3);
    RandomScenes scenes{13, most_flows};
    std::size_t counted = 0;
    LinkKey serving;
    for (int i = -steps; i < steps; ++i) {
        const Seconds now = 1000 + i * 0.7;
        const Observation observation = scenes.next(now, serving);
        const std::size_t before = allocations();
        selector.observe(observation);
        const Decision decision = selector.decide(now, Trigger::tick);
        selector.report({now, decision.serving, true});
        counted += i < 0 ? 0 : allocations() - before;
        serving = decision.serving;
    }
    return counted;
}

TEST_P(EveryEngine, AllocatesNothingOnceItRuns) {
    EXPECT_EQ(allocations_of(GetParam(), 9, 500), 0U);
    EXPECT_EQ(allocations_of(GetParam(), 30, 60), 0U) << "branch and bound, and NSGA-II";
    EXPECT_EQ(allocations_of(GetParam(), 120, 20), 0U) << "as many flows as there is room for";
}

TEST(Allocations, AreCounted) {
    const std::size_t before = allocations();
    const auto made = std::make_unique<std::array<int, 3>>();
    EXPECT_EQ(allocations(), before + 1) << made->size();
}

TEST_P(EveryEngine, RestoresItsOwnSnapshotAndNoOther) {
    const auto engine = make_engine(GetParam(), settings_of_all(), 1);
    EXPECT_EQ(engine->name(), GetParam());
    EXPECT_TRUE(engine->restore(engine->snapshot()));
    const double strange[] = {1, 2, 3};
    EXPECT_FALSE(engine->restore(strange));
}

INSTANTIATE_TEST_SUITE_P(Selection, EveryEngine, ::testing::ValuesIn(engine_names().begin(), engine_names().end()),
                         [](const auto& parameter) {
                             std::string name{parameter.param};
                             std::erase(name, '-');
                             return name;
                         });

TEST(Catalogue, RefusesWhatAnEngineCannotDoWithout) {
    EXPECT_EQ(make_engine("best", {}, 1), nullptr);
    EXPECT_EQ(make_engine("pmp", {}, 1), nullptr) << "no access points";
    EngineSettings contradictory;
    contradictory.judgements[0] = {1, 9, 1.0 / 9};
    contradictory.judgements[1] = {1.0 / 9, 1, 9};
    contradictory.judgements[2] = {9, 1.0 / 9, 1};
    EXPECT_EQ(make_engine("ahp", contradictory, 1), nullptr);
}

TEST(ParetoEngine, AllocatesNothingWithAnyNumberOfFlowsAndInterfaces) {
    const auto engine = make_engine("pareto", {}, 1);
    Random random{17};
    std::uint64_t clock = 0;
    const auto tick = [](void* context) { return ++*static_cast<std::uint64_t*>(context); };
    for (int i = 0; i < 400; ++i) {
        Scene scene;
        const std::uint32_t interfaces = 1 + random.below(8);
        for (std::uint32_t j = 1; j <= interfaces; ++j) {
            scene.links.push_back(wlan(static_cast<InterfaceId>(j), j, -50));
            scene.links.back().rate_mbps = random.uniform(0.5, 5);
        }
        const std::uint32_t flows = random.below(16);
        for (std::uint32_t id = 1; id <= flows; ++id) {
            scene.flows.push_back(flow(id, random.uniform(0.1, 2), static_cast<InterfaceId>(random.below(9))));
        }
        clock = 0;
        const std::size_t before = allocations();
        engine->decide(scene, Trigger::tick, {tick, &clock, 2000});
        ASSERT_EQ(allocations(), before) << flows << " flows on " << interfaces;
    }
}

TEST(ParetoEngine, MovesFlowsOffADyingInterfaceAtOnce) {
    const auto engine = make_engine("pareto", {}, 1);
    Scene scene = scene_of({wlan(1, 10, -50, false), cellular(2, -70)}, {2, 0});
    scene.flows.push_back(flow(1, 0.5, 1));
    scene.flows.push_back(flow(2, 0.5, 2));
    const Decision decision = engine->decide(scene, Trigger::link_down, {});
    ASSERT_EQ(decision.moves.size(), 1U);
    EXPECT_EQ(decision.moves[0], (FlowMove{1, 2}));
    EXPECT_FALSE(decision.front.empty());
}

TEST(ParetoEngine, LeavesFlowsWhereNothingIsGained) {
    const auto engine = make_engine("pareto", {}, 1);
    Scene scene = scene_of({wlan(1, 10, -50), cellular(2, -70)}, {1, 10});
    for (std::uint32_t id = 1; id <= 6; ++id) {
        scene.flows.push_back(flow(id, 0.3, static_cast<InterfaceId>(1 + id % 2)));
    }
    scene.links[0].rate_mbps = scene.links[1].rate_mbps = 10;
    EXPECT_TRUE(engine->decide(scene, Trigger::tick, {}).moves.empty());
}

TEST(ParetoEngine, ManyFlowsGoByNsga2) {
    const auto engine = make_engine("pareto", {}, 1);
    Scene scene = scene_of({wlan(1, 10, -50), cellular(2, -70), wlan(3, 11, -60)}, {1, 10});
    for (Link& link : scene.links) {
        link.rate_mbps = 3;
    }
    Random random{1};
    for (std::uint32_t id = 1; id <= 30; ++id) {
        scene.flows.push_back(flow(id, random.uniform(0.1, 0.5)));
    }
    const Decision decision = engine->decide(scene, Trigger::tick, {});
    EXPECT_EQ(decision.moves.size(), 30U);
    EXPECT_GT(decision.front.size(), 1U);
}

}  // namespace
}  // namespace homeward::selection
