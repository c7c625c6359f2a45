#include <gtest/gtest.h>

#include "config/mobile_node.h"
#include "scratch.h"

namespace homeward::config {
namespace {

const std::string kHead = R"(node:
  nai: a@example.org
  home_agent: 192.0.2.1
  association: {spi: 256, key: 00112233445566778899aabbccddeeff}
uplinks:
  - {name: wlan, interface: wlan0, label: 1}
  - {name: cellular, interface: rmnet0, label: 2, technology: lte}
policy: {default: [wlan, cellular]}
)";

Result<MobileNode> read(const std::string& engine) {
    return parse_mobile_node("mn.yaml", kHead + engine);
}

TEST(Engine, NoneWithoutASection) {
    for (const char* text : {"", "engine: none\n", "engine: {use: none}\n"}) {
        const auto node = read(text);
        ASSERT_TRUE(node.ok()) << node.error().text;
        EXPECT_EQ(node->engine.name, "");
    }
}

TEST(Engine, EveryEngineByItsName) {
    for (const std::string_view name : selection::engine_names()) {
        const bool by_place = name == "pmp";
        const auto node = read("engine: " + std::string{name} + "\n");
        if (by_place) {
            EXPECT_EQ(node.error().text,
                      "mn.yaml:9: engine: pmp needs site.points, and site.path with two places or more");
        } else if (name != "hybrid") {
            ASSERT_TRUE(node.ok()) << node.error().text;
            EXPECT_EQ(node->engine.name, name);
        }
    }
}

TEST(Engine, ConstantsReachTheirEngine) {
    const auto node = read(R"(engine:
  use: pmp
  seed: 7
  interval: 500 ms
  deadline_us: 900
  dwell: 3 s
  pending: 4 s
  stale_periods: 5
  position_age: 20 s
  rate_memory: 60 s
  state: learned
  links:
    cellular: {cost_per_mb: 0.02, quota_mb: 500, rate_mbps: 12, domain: operator}
  flows: {least_mbps: 0.2, memory: 10 s, most: 16}
  apps:
    - {app: 5004, time_critical: true, mbps: 2, continuity: 0.9}
  site:
    latitude: 22.3
    longitude: 114.2
    path: [[0, 5], [220, 5]]
    points:
      - {uplink: wlan, bssid: "02:00:00:00:00:01", at: [0, 0]}
      - {uplink: cellular, at: [55, 0.5]}
  static: {order: [cellular, wlan]}
  strongest: {hysteresis_db: 3}
  conventional: {leave_dbm: -75, join_dbm: -80}
  ladder: {ladder: [[-60, 6], [-70, 5], [-80, 4], [-85, 3], [-999, 2]], rates: {noise_dbm: -92}, scan_weak: 5 s}
  heuristic: {period: 10 s, leaning: 0.2}
  manual: {toggle: 60 s, known_domains: [home], wlan_at_start: true}
  handover: {leave_dbm: -78, return_dbm: -70, leave: 1 s, return: 4 s, roam_db: 5}
  closed-loop:
    preference: {performance: 0.9, energy: 0.1, learning: step}
    watts: [0.1, 0.5, 0.9, 1.1, 1.4]
    open_weights: [0.4, 0.4, 0.2]
    flows_survive: true
    unknown_app: {mbps: 1}
  pmp: {cell_m: 4, lookahead: 2, learn_online: true, window: 8, second_order: false, turn_m: 20}
  hybrid: {horizon: 5 s, fix_most: 20 s, exponent: 3, noise_dbm: -90}
  pareto: {choice: battery, slack: 0.1, exact_pairs: 100, branch_nodes: 500, generations: 30, offers: {usual_mbps: [1, 2, 3, 4, 5]}}
  weights: {bandwidth: 0.6, power: 0.2, moves: 0.2, judgements: [3, 5, 2]}
)");
    ASSERT_TRUE(node.ok()) << node.error().text;
    const Engine& engine = node->engine;
    EXPECT_EQ(engine.name, "pmp");
    EXPECT_EQ(engine.seed, 7U);
    EXPECT_EQ(engine.interval, std::chrono::milliseconds{500});
    EXPECT_EQ(engine.deadline, std::chrono::microseconds{900});
    EXPECT_EQ(engine.selector.guard.dwell_s, 3);
    EXPECT_EQ(engine.selector.guard.pending_s, 4);
    EXPECT_EQ(engine.selector.surroundings.period_s, 0.5);
    EXPECT_EQ(engine.selector.surroundings.stale_periods, 5);
    EXPECT_EQ(engine.selector.surroundings.position_age_s, 20);
    EXPECT_EQ(engine.rate_memory_s, 60U);
    EXPECT_EQ(engine.state, "learned") << "beside mn.yaml";
    EXPECT_EQ(engine.links.at("cellular").cost_per_mb, 0.02);
    EXPECT_EQ(engine.links.at("cellular").rate_mbps, 12);
    EXPECT_NE(engine.links.at("cellular").domain, 0U);
    EXPECT_EQ(engine.flows.least_mbps, 0.2);
    EXPECT_EQ(engine.flows.memory_s, 10);
    EXPECT_EQ(engine.flows.most, 16U);
    ASSERT_EQ(engine.apps.size(), 1U);
    EXPECT_EQ(engine.apps[0].app, 5004);
    const selection::EngineSettings& all = engine.settings;
    ASSERT_EQ(all.pmp.site.points.size(), 2U);
    EXPECT_EQ(all.pmp.site.points[0].key, (selection::LinkKey{1, 0x020000000001U}));
    EXPECT_EQ(all.pmp.site.points[1].place.east, 55);
    EXPECT_EQ(all.hybrid.site.path.size(), 2U);
    EXPECT_EQ(all.fixed.order[0], 2);
    EXPECT_EQ(all.strongest.hysteresis_db, 3);
    EXPECT_EQ(all.conventional.leave_dbm, -75);
    EXPECT_EQ(all.ladder.ladder[0].gain_db, 6);
    EXPECT_EQ(all.ladder.rates.noise_dbm, -92);
    EXPECT_EQ(all.heuristic.period_s, 10);
    EXPECT_TRUE(all.manual.wlan_at_start);
    EXPECT_EQ(all.handover.return_s, 4);
    EXPECT_EQ(all.closed_loop.preference.usual[0], 0.9);
    EXPECT_EQ(all.closed_loop.preference.learning, selection::Preference::Learning::step);
    EXPECT_EQ(all.closed_loop.watts[4], 1.4);
    EXPECT_TRUE(all.closed_loop.flows_survive);
    EXPECT_EQ(all.closed_loop.unknown_app.mbps, 1);
    EXPECT_EQ(all.pmp.lookahead, 2U);
    EXPECT_EQ(all.pmp.model.cell_m, 4);
    EXPECT_FALSE(all.pmp.model.second_order);
    EXPECT_EQ(all.pmp.model.turn_m, 20);
    EXPECT_EQ(all.hybrid.fix_most_s, 20);
    EXPECT_EQ(all.hybrid.rates.noise_dbm, -90);
    EXPECT_EQ(all.pareto.choice.rule, selection::ChoiceRule::battery);
    EXPECT_EQ(all.pareto.exact.max_pairs, 100U);
    EXPECT_EQ(all.pareto.branch.max_nodes, 500U);
    EXPECT_EQ(all.pareto.offers.usual_mbps[4], 5);
    EXPECT_EQ(all.madm.weights.bandwidth, 0.6);
    EXPECT_EQ(all.judgements[0][2], 5);
    EXPECT_EQ(all.judgements[2][0], 1.0 / 5);
}

TEST(Engine, ErrorsSayWhereAndWhatWasExpected) {
    struct Row {
        const char* text;
        const char* error;
    };
    const Row rows[] = {
        {"engine: best\n",
         "mn.yaml:9: engine: expected one of none, static, strongest, conventional, ladder, heuristic, manual, "
         "handover, "
         "closed-loop, pmp, hybrid, pareto, saw, mew, topsis, ahp, got \"best\""},
        {"engine: {interval: 1 s}\n", "mn.yaml:9: engine: the key \"use\" is missing"},
        {"engine: {use: strongest, interval: 1 ms}\n",
         "mn.yaml:9: engine.interval: expected a time from 50 ms to 60 s with its unit (ms, s, min or h), got \"1 "
         "ms\""},
        {"engine:\n  use: strongest\n  strongest: {hysteresis: 3}\n",
         "mn.yaml:11: engine.strongest.hysteresis: unknown key; did you mean \"hysteresis_db\"?"},
        {"engine:\n  use: strongest\n  strongest: {hysteresis_db: nan}\n",
         "mn.yaml:11: engine.strongest.hysteresis_db: expected a number from 0 to 60, got \"nan\""},
        {"engine: {use: strongest, links: {wire: {cost_per_mb: 1}}}\n",
         "mn.yaml:9: engine.links.wire: no uplink is called so"},
        {"engine: {use: handover, handover: {leave_dbm: -70, return_dbm: -75}}\n",
         "mn.yaml:9: engine.handover: return_dbm must be above leave_dbm, or the node oscillates"},
        {"engine: {use: closed-loop, closed-loop: {watts: [1, 2]}}\n",
         "mn.yaml:9: engine.closed-loop.watts: expected a list of 5 numbers, got a list"},
        {"engine: {use: ahp, weights: {judgements: [9, 0.2, 9]}}\n",
         "mn.yaml:9: engine: the constants of ahp contradict each other"},
        {"engine: {use: pmp, site: {path: [[0, 0], [1]], points: []}}\n",
         "mn.yaml:9: engine.site.path[1]: expected a place as [metres east, metres north], got a list"},
        {"engine: {use: static, static: {order: [wire]}}\n",
         "mn.yaml:9: engine.static.order[0]: expected the name of an uplink, got \"wire\""},
        {"engine: {use: strongest, apps: [{mbps: 1}]}\n",
         "mn.yaml:9: engine.apps[0]: the key \"app\" is missing: the correspondent's port by which the application is "
         "known"},
        {"engine: {use: pareto, flows: {most: 65}}\n",
         "mn.yaml:9: engine.flows.most: expected a number from 1 to 64, got \"65\""},
        {"engine: {use: pareto, flows: {memory: 1 s}}\n",
         "mn.yaml:9: engine.flows.memory: expected a time from 2 s to 3600 s with its unit (ms, s, min or h), got \"1 "
         "s\""},
        {"engine: {use: pareto, flows: {min_mbps: 1}}\n",
         "mn.yaml:9: engine.flows.min_mbps: unknown key; known here: least_mbps, memory, most"},
        {"position: {gps: /dev/gps}\n", "mn.yaml:9: position.gps: unknown key; known here: replay"},
    };
    for (const Row& row : rows) {
        const auto node = read(row.text);
        EXPECT_EQ(node.ok() ? "" : node.error().text, row.error) << row.text;
    }
}

TEST(Engine, TheSectionIsTheSameWhereItSaysTheSame) {
    const auto a = read("engine: {use: strongest, strongest: {hysteresis_db: 3}}\n");
    const auto b = read("# moved\nengine:\n  use: strongest\n  strongest:\n    hysteresis_db: 3\n");
    const auto c = read("engine: {use: strongest, strongest: {hysteresis_db: 4}}\n");
    EXPECT_EQ(a->engine.written, b->engine.written);
    EXPECT_NE(a->engine.written, c->engine.written);
}

}  // namespace
}  // namespace homeward::config
