#include <gtest/gtest.h>

#include "replay/trace_run.h"
#include "selection/catalogue.h"
#include "selection/names.h"

namespace homeward::replay {
namespace {

constexpr const char* kHead = "# mn-trace v1\nt_s,iface,tech,bssid,rssi_dbm,rate_mbps,cost_per_mb,event\n";

/// WLAN of 20 Mbit/s for ten seconds, then too weak; LTE of 10 Mbit/s for money all the time.
trace::Trace walk() {
    std::string text = kHead;
    for (int t = 0; t < 30; ++t) {
        const std::string at = std::to_string(t);
        text += at + ",wlan0,wlan,02:00:00:00:00:01," + (t < 10 ? "-50,20" : "-95,0") + ",0,\n";
        text += at + ",rmnet0,lte,,-80,10,0.5,\n";
    }
    return *trace::parse_links("walk.csv", text);
}

struct Replayed {
    explicit Replayed(std::string_view engine, const std::vector<trace::Flow>& flows = {})
        : selector{selection::make_engine(engine, {}, 1), {}}, run{selector, {}, nullptr} {
        run.run(walk(), flows);
    }
    selection::Selector selector;
    TraceRun run;
};

TEST(TraceRun, AccountsForWhatTheServingLinkCarries) {
    const Replayed strongest{"strongest"};
    const Metrics& m = strongest.run.metrics();
    EXPECT_EQ(m.duration_s, 30);
    EXPECT_EQ(m.handovers, 1U);
    EXPECT_NEAR(m.goodput_mbps, (10 * 20 + 20 * 10) / 30.0, 1e-9);
    EXPECT_NEAR(m.carried_mb, 50, 1e-9);
    EXPECT_NEAR(m.offloaded, 0.5, 1e-9);
    EXPECT_NEAR(m.cost, 25 * 0.5, 1e-9);
    EXPECT_EQ(m.interruptions, 0U);
    EXPECT_GT(m.energy_j, 20 * 1.2) << "LTE is active for 20 s";
    ASSERT_EQ(strongest.run.changes().size(), 2U);
    EXPECT_EQ(strongest.run.changes()[1].t_s, 10);
}

TEST(TraceRun, AnEngineThatStaysIsInterrupted) {
    const Replayed fixed{"static"};
    const Metrics& m = fixed.run.metrics();
    EXPECT_EQ(m.handovers, 0U);
    EXPECT_EQ(m.interruptions, 1U);
    EXPECT_EQ(m.interrupted_s, 20);
    EXPECT_EQ(m.longest_s, 20);
    EXPECT_NEAR(m.goodput_mbps, 200 / 30.0, 1e-9);
}

TEST(TraceRun, FlowsAskForWhatTheyNeed) {
    const auto flows = trace::parse_flows("flows.csv",
                                          "# mn-trace v1\nid,app,class,t_start,t_end,demand_mbps\n"
                                          "1,80,nrt,0,10,2\n2,5004,rt,5,15,1\n");
    ASSERT_TRUE(flows.ok()) << flows.error().text;
    const Replayed run{"strongest", *flows};
    EXPECT_NEAR(run.run.metrics().carried_mb, (10 * 2 + 10 * 1) / 8.0, 1e-9);
}

TEST(TraceRun, SameTraceSameMetrics) {
    for (const std::string_view engine : {"pareto", "conventional", "closed-loop", "manual"}) {
        const Replayed a{engine};
        const Replayed b{engine};
        EXPECT_EQ(a.run.metrics().carried_mb, b.run.metrics().carried_mb) << engine;
        EXPECT_EQ(a.run.changes().size(), b.run.changes().size()) << engine;
    }
}

TEST(Flows, ErrorsNameTheLine) {
    struct Row {
        const char* line;
        const char* error;
    };
    const Row rows[] = {{"1,0,5,0", "flows.csv:3: demand_mbps"},
                        {"1,5,5,1", "flows.csv:3: t_end"},
                        {"1,0,5,1\n1,0,5,1", "flows.csv:4: id"},
                        {"x,0,5,1", "flows.csv:3: id"},
                        {"1,0,nan,1", "flows.csv:3: t_end"}};
    for (const Row& row : rows) {
        const auto read = trace::parse_flows(
            "flows.csv", std::string("# mn-trace v1\nid,t_start,t_end,demand_mbps\n") + row.line + "\n");
        ASSERT_FALSE(read.ok()) << row.line;
        EXPECT_EQ(read.error().text.rfind(row.error, 0), 0U) << read.error().text;
    }
}

TEST(Names, AccessPoints) {
    EXPECT_EQ(selection::bssid_of("02:00:00:00:00:0a"), 0x02000000000aU);
    EXPECT_EQ(selection::bssid_text(0x02000000000aU), "02:00:00:00:00:0a");
    for (const char* bad : {"02:00:00:00:00", "02:00:00:00:00:0g", "02-00-00-00-00-01", "02:00:00:00:00:001"}) {
        EXPECT_FALSE(selection::bssid_of(bad)) << bad;
    }
    EXPECT_EQ(selection::bssid_of(""), selection::Bssid{0});
}

}  // namespace
}  // namespace homeward::replay
