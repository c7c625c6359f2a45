#include "handover/path_watch.h"

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace homeward::handover {
namespace {

using namespace std::chrono_literals;

constexpr unsigned kWlan = 0;
constexpr unsigned kCellular = 1;

/// One path as the test wants it: what goes in, and when its answer comes out.
struct Path {
    Duration round_trip = 20ms;
    double loss = 0;  ///< of the round trip
    bool blackhole = false;
    bool forgotten = false;  ///< a NAT lost the mapping: probes vanish, registrations are answered
    double up_pps = 0, down_pps = 0;
};

using Events = std::vector<std::function<void()>>;

/// PathWatch between two simulated paths, in steps of 1 ms, woken when it asks to be.
class PathWatchTest : public testing::Test {
  protected:
    void SetUp() override {
        watch.start(kWlan, now);
        watch.start(kCellular, now);
        pass(300ms);
    }

    void pass(Duration time) {
        for (const Duration end = now + time; now < end; now += 1ms) {
            for (unsigned slot : {kWlan, kCellular}) {
                carry(slot);
            }
            read();
            while (now >= asleep_until && !events.empty() && events.begin()->first <= now) {
                const auto happens = std::move(events.begin()->second);
                events.erase(events.begin());
                happens();
            }
            if (const auto due = watch.next_deadline(); due && *due <= now && now >= asleep_until) {
                for (unsigned slot : {kWlan, kCellular}) {
                    watch.unread(slot, !unread[slot].empty());
                    watch.traffic(slot, sent[slot], received[slot], now);
                }
                watch.tick(now);
            }
            for (const PathAction& action : watch.take_actions()) {
                std::visit([this](const auto& one) { run(one); }, action);
            }
        }
    }
    /// The node's own thread that reads the sockets, unless it does not run just now.
    void read() {
        for (auto& waiting : unread) {
            for (const auto& what : now < reads_again_at ? Events{} : std::exchange(waiting, {})) {
                what();
            }
        }
    }
    /// Whether the home agent does nothing with what reaches it at that moment.
    bool is_away(Duration at) const { return away_from <= at && at < away_until; }
    void carry(unsigned slot) {
        const Path& path = paths[slot];
        const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(now).count();
        const auto is_due = [&](double pps) { return pps > 0 && ms % static_cast<int>(1000 / pps) == 0; };
        sent[slot] += is_due(path.up_pps) ? 1U : 0U;
        const bool came = is_due(path.down_pps) && !path.blackhole && !path.forgotten && !is_lost(path) &&
                          !is_away(now - path.round_trip / 2);
        received[slot] += came ? 1U : 0U;
    }
    bool is_lost(const Path& path) { return std::uniform_real_distribution<>()(random) < path.loss; }
    void answer(unsigned slot, bool tunnelled, std::function<void()> what) {
        const Path& path = paths[slot];
        if (!path.blackhole && !(tunnelled && path.forgotten) && !is_lost(path)) {
            const Duration way = path.round_trip / 2;
            events.emplace(now + way, [this, slot, &path, tunnelled, way, what = std::move(what)] {
                if (is_away(now) && forgetful) {
                    return;
                }
                events.emplace((is_away(now) ? away_until : now) + way, [this, slot, &path, tunnelled, what] {
                    if (!path.blackhole && !(tunnelled && path.forgotten)) {  // still, on its way back
                        unread[slot].push_back(what);
                        read();
                    }
                });
            });
        }
    }
    void run(const SendProbe& probe) {
        ++probes[probe.slot];
        answer(probe.slot, true, [this, probe] { watch.answered(probe.slot, probe.number, now); });
    }
    void run(const SendAsk& ask) {
        ++asks;
        answer(ask.slot, false, [this, ask] { watch.heard(ask.slot, now); });
    }
    void run(const Refresh& refresh) {
        ++refreshes;
        answer(refresh.slot, false, [this, refresh] {
            paths[refresh.slot].forgotten = false;
            watch.heard(refresh.slot, now);
        });
    }
    void run(const PathVerdict& verdict) {
        verdicts +=
            (verdicts.empty() ? "" : ", ") + std::to_string(verdict.slot) + (verdict.alive ? " alive" : " dead");
        verdict_at = now;
        deaths += !verdict.alive && carries[verdict.slot] ? 1U : 0U;
        carries[verdict.slot] = carries[verdict.slot] && verdict.alive;
    }
    /// Runs until the verdict; how long it took.
    Duration until_verdict() {
        const Duration start = now;
        for (const std::string before = verdicts; verdicts == before && now - start < 60s;) {
            pass(1ms);
        }
        return now - start;
    }

    std::mt19937_64 random{7};
    Duration now = 1000s;
    Duration asleep_until{};
    Duration reads_again_at{};
    Path paths[2];
    Duration away_from{}, away_until{};
    bool forgetful = false;  ///< while away it loses what comes; else it answers all of it afterwards
    PathWatch watch{{0ms, 0ms}, {}};
    std::multimap<Duration, std::function<void()>> events;
    Events unread[2];
    std::uint64_t sent[2] = {}, received[2] = {};
    bool carries[2] = {true, true};
    unsigned probes[2] = {}, asks = 0, refreshes = 0, deaths = 0;
    std::string verdicts;
    Duration verdict_at{};
};

TEST_F(PathWatchTest, AnIdlePathIsNotProbed) {
    const unsigned before = probes[kWlan];
    pass(60s);
    EXPECT_EQ(probes[kWlan], before);
    EXPECT_EQ(verdicts, "");
}

TEST_F(PathWatchTest, TrafficThatComesInProvesLifeAndNeedsFewProbes) {
    paths[kWlan].down_pps = 100;
    const unsigned before = probes[kWlan];
    pass(10s);
    EXPECT_NEAR(probes[kWlan] - before, 20, 3);
}

TEST_F(PathWatchTest, TrafficThatOnlyLeavesIsProbedEvery50ms) {
    paths[kWlan].up_pps = 100;
    const unsigned before = probes[kWlan];
    pass(10s);
    // An answer is life, too: the next probe follows 50 ms after it.
    EXPECT_NEAR(probes[kWlan] - before, 10'000 / 70.0, 20);
}

TEST_F(PathWatchTest, ProbesEndWithTheTraffic) {
    paths[kWlan].up_pps = 100;
    pass(1s);
    paths[kWlan].up_pps = 0;
    pass(1100ms);
    const unsigned before = probes[kWlan];
    pass(20s);
    EXPECT_EQ(probes[kWlan], before);
}

TEST_F(PathWatchTest, LearnsRoundTripJitterAndLoss) {
    paths[kWlan].up_pps = 100;
    pass(10s);
    EXPECT_EQ(watch.quality(kWlan).round_trip(), 20ms);
    EXPECT_LT(watch.quality(kWlan).jitter(), 1ms);
    EXPECT_EQ(watch.quality(kWlan).loss(), 0);
    paths[kWlan].loss = 0.3;
    pass(20s);
    EXPECT_NEAR(*watch.quality(kWlan).loss(), 0.3, 0.2);
}

struct Cut {
    const char* name;
    Duration wlan, cellular;
    double up_pps, down_pps;
    Duration at_most;
};
class CutRows : public PathWatchTest, public testing::WithParamInterface<Cut> {};

TEST_P(CutRows, ABlackholeIsFoundInTime) {
    paths[kWlan].round_trip = GetParam().wlan;
    paths[kCellular].round_trip = GetParam().cellular;
    paths[kWlan].up_pps = GetParam().up_pps;
    paths[kWlan].down_pps = GetParam().down_pps;
    pass(20s);
    for (int phase = 0; phase < 70; phase += 7) {
        pass(5s + std::chrono::milliseconds(phase));
        verdicts.clear();
        paths[kWlan].blackhole = true;
        EXPECT_LE(until_verdict(), GetParam().at_most);
        EXPECT_EQ(verdicts, "0 dead");
        paths[kWlan].blackhole = false;
        pass(10s);
        watch.start(kWlan, now);
        pass(1s);
    }
}

INSTANTIATE_TEST_SUITE_P(Rows, CutRows,
                         testing::Values(Cut{"both_ways", 20ms, 20ms, 100, 100, 222ms},
                                         Cut{"up_only", 20ms, 20ms, 100, 0, 232ms},
                                         Cut{"down_only", 20ms, 20ms, 0, 100, 222ms},
                                         Cut{"survivor_far", 10ms, 80ms, 100, 100, 225ms},
                                         Cut{"survivor_near", 80ms, 10ms, 100, 100, 260ms}),
                         [](const auto& row) { return row.param.name; });

TEST_F(PathWatchTest, WhenNobodyAnswersNothingMoves) {
    paths[kWlan].up_pps = 100;
    paths[kWlan].blackhole = paths[kCellular].blackhole = true;
    const unsigned before = probes[kWlan];
    pass(60s);
    EXPECT_EQ(verdicts, "");
    EXPECT_LT(probes[kWlan] - before, 150) << "they become rarer";
    // Then one of the two is back.
    paths[kCellular].blackhole = false;
    EXPECT_LE(until_verdict(), 1200ms);
    EXPECT_EQ(verdicts, "0 dead");
}

/// Its data plane was started again, say: the path that answers first is no witness against the other.
TEST_F(PathWatchTest, AHomeAgentThatComesBackLeavesEveryPathInPlace) {
    for (Path& path : paths) {
        path.up_pps = path.down_pps = 100;
    }
    paths[kCellular].round_trip = 90ms;
    pass(1s);
    for (const Duration away : {200ms, 400ms, 1000ms, 5000ms}) {
        for (Path& path : paths) {
            path.blackhole = true;
        }
        pass(away);
        for (Path& path : paths) {
            path.blackhole = false;
        }
        pass(3s);
        EXPECT_EQ(verdicts, "") << "away for " << away.count();
        EXPECT_EQ(refreshes, 0U) << "away for " << away.count();
    }
}

struct Pause {
    const char* name;
    Path wlan, cellular;
    bool forgetful;
};
class PauseRows : public PathWatchTest, public testing::WithParamInterface<Pause> {};

/// A busy machine's: as long as a few probes take. What came by a path before tells nothing, and what comes
/// first afterwards is no proof against the other path, whose answer is under way.
TEST_P(PauseRows, AHomeAgentThatPausesLeavesEveryPathInPlace) {
    paths[kWlan] = GetParam().wlan;
    paths[kCellular] = GetParam().cellular;
    forgetful = GetParam().forgetful;
    pass(5s);
    for (Duration away = 20ms; away <= 500ms; away += 7ms) {
        away_from = now;
        away_until = now + away;
        pass(away + 1s + away % 50ms);
        ASSERT_EQ(verdicts, "") << "away for " << away / 1ms << " ms";
    }
}

INSTANTIATE_TEST_SUITE_P(
    Rows, PauseRows,
    testing::Values(Pause{"both_ways", {.up_pps = 100, .down_pps = 100}, {.up_pps = 100, .down_pps = 100}, false},
                    Pause{"up_only", {.up_pps = 100}, {.up_pps = 100, .down_pps = 100}, false},
                    Pause{"other_idle", {.up_pps = 100, .down_pps = 100}, {}, false},
                    Pause{"other_near", {.round_trip = 80ms, .up_pps = 100}, {.round_trip = 10ms}, false},
                    Pause{"other_far", {.round_trip = 10ms, .up_pps = 100}, {.round_trip = 80ms}, false},
                    Pause{"other_near_and_busy",
                          {.round_trip = 80ms, .up_pps = 20},
                          {.round_trip = 10ms, .up_pps = 100, .down_pps = 100},
                          false},
                    Pause{"loses_both_ways", {.up_pps = 100, .down_pps = 100}, {.up_pps = 100, .down_pps = 100}, true},
                    Pause{"loses_up_only", {.up_pps = 100}, {.up_pps = 100, .down_pps = 100}, true}),
    [](const auto& row) { return row.param.name; });

TEST_F(PathWatchTest, TheOnlyUplinkIsNeverGivenUp) {
    watch.stop(kCellular);
    paths[kWlan].up_pps = 100;
    paths[kWlan].blackhole = true;
    pass(30s);
    EXPECT_EQ(verdicts, "");
    EXPECT_GT(refreshes, 20U) << "but registers again";
}

TEST_F(PathWatchTest, AForgottenMappingIsRepairedBeforeTheVerdict) {
    paths[kWlan].up_pps = paths[kWlan].down_pps = 100;
    for (int i = 0; i < 20; ++i) {
        pass(5s + std::chrono::milliseconds(7 * i));
        paths[kWlan].forgotten = true;
        const Duration start = now;
        while (paths[kWlan].forgotten && now - start < 5s) {
            pass(1ms);
        }
        EXPECT_LE(now - start, 150ms);
    }
    EXPECT_EQ(verdicts, "");
    EXPECT_EQ(refreshes, 20U);
}

TEST_F(PathWatchTest, ADeadPathIsAskedEverRarerAndAnAnswerIsLife) {
    paths[kWlan].up_pps = 100;
    paths[kWlan].blackhole = true;
    until_verdict();
    pass(60s);
    EXPECT_LT(asks, 12U);
    verdicts.clear();
    paths[kWlan].blackhole = false;
    EXPECT_LE(until_verdict(), 10s);
    EXPECT_EQ(verdicts, "0 alive");
    // Silence again, before the Coordinator took it back.
    verdicts.clear();
    paths[kWlan].blackhole = true;
    EXPECT_LE(until_verdict(), 2s);
    EXPECT_EQ(verdicts, "0 dead");
}

TEST_F(PathWatchTest, AKeepaliveWithoutAnswerLeadsToProbes) {
    paths[kWlan].blackhole = true;
    watch.keepalive_sent(kWlan, now);
    EXPECT_LE(until_verdict(), 700ms);
    EXPECT_EQ(verdicts, "0 dead");
}

TEST_F(PathWatchTest, AnAnsweredKeepaliveLeadsToNothing) {
    const unsigned before = probes[kWlan];
    watch.keepalive_sent(kWlan, now);
    pass(20ms);
    watch.keepalive_answered(kWlan, 20ms, now);
    pass(5s);
    EXPECT_EQ(probes[kWlan], before);
}

TEST_F(PathWatchTest, ASleepingRadioGetsItsTimeToWakeUp) {
    PathWatch slow{{2500ms, 0ms}, {}};
    std::swap(watch, slow);
    watch.start(kWlan, now);
    watch.start(kCellular, now);
    pass(20s);
    paths[kWlan].up_pps = 100;
    paths[kWlan].blackhole = true;  // promotion
    pass(2s);
    EXPECT_EQ(verdicts, "");
    EXPECT_EQ(refreshes, 0U);
    paths[kWlan].blackhole = false;
    pass(10s);
    EXPECT_EQ(verdicts, "");
    // Awake, it is judged like any other.
    paths[kWlan].blackhole = true;
    EXPECT_LE(until_verdict(), 235ms);
}

TEST_F(PathWatchTest, BeingWokenLateIsNotHeldAgainstThePath) {
    paths[kWlan].up_pps = paths[kWlan].down_pps = 100;
    for (int i = 0; i < 50; ++i) {
        asleep_until = now + 700ms;
        pass(2s);
    }
    EXPECT_EQ(verdicts, "");
    EXPECT_EQ(refreshes, 0U);
}

struct Starved {
    const char* name;
    Path wlan, cellular;
};
class StarvedRows : public PathWatchTest, public testing::WithParamInterface<Starved> {};

/// The thread that reads the sockets gets no CPU; what the kernel carries by itself goes on, and is counted.
TEST_P(StarvedRows, AnswersThatLieUnreadAreNotSilence) {
    paths[kWlan] = GetParam().wlan;
    paths[kCellular] = GetParam().cellular;
    pass(5s);
    for (Duration starved = 20ms; starved <= 2s; starved += 41ms) {
        reads_again_at = now + starved;
        pass(starved + 500ms);
        ASSERT_EQ(verdicts, "") << "starved for " << starved / 1ms << " ms";
    }
    // It is still a path that can die, and while others' answers wait.
    paths[kWlan].blackhole = true;
    EXPECT_LE(until_verdict(), 400ms);
    EXPECT_EQ(verdicts, "0 dead");
}

INSTANTIATE_TEST_SUITE_P(
    Rows, StarvedRows,
    testing::Values(Starved{"up_only", {.up_pps = 100}, {.up_pps = 100, .down_pps = 100}},
                    Starved{"other_near", {.round_trip = 80ms, .up_pps = 100}, {.round_trip = 10ms, .down_pps = 100}},
                    Starved{"other_far", {.round_trip = 10ms, .up_pps = 100}, {.round_trip = 80ms, .down_pps = 100}},
                    Starved{"other_idle", {.up_pps = 100}, {}}),
    [](const auto& row) { return row.param.name; });

TEST_F(PathWatchTest, APathThatDiesWhileNobodyReadsIsFoundDeadAfterwards) {
    paths[kWlan].up_pps = 100;
    paths[kCellular].up_pps = paths[kCellular].down_pps = 100;
    pass(5s);
    reads_again_at = now + 300ms;
    pass(100ms);
    paths[kWlan].blackhole = true;  // with an answer from before in the socket
    pass(200ms);
    EXPECT_EQ(verdicts, "");
    EXPECT_LE(until_verdict(), 250ms);
    EXPECT_EQ(verdicts, "0 dead");
}

TEST_F(PathWatchTest, TheAnswerOfADeadPathMayLieUnread) {
    paths[kWlan].up_pps = 100;
    paths[kWlan].blackhole = true;
    until_verdict();
    paths[kWlan].blackhole = false;
    verdicts.clear();
    until_verdict();
    EXPECT_EQ(verdicts, "0 alive");
    verdicts.clear();
    reads_again_at = now + 3s;  // longer than a question waits for its answer
    pass(5s);
    EXPECT_EQ(verdicts, "");
}

TEST_F(PathWatchTest, QueuesThatFillAreNotDeath) {
    paths[kWlan].up_pps = 100;
    for (int i = 0; i < 400; ++i) {  // 20 ms to 1.2 s within four seconds
        paths[kWlan].round_trip = 20ms + i * 3ms;
        pass(10ms);
    }
    EXPECT_EQ(deaths, 0U);
}

struct Loss {
    const char* name;
    double round_trip_loss;
    double down_pps;
    unsigned deaths_in_ten_minutes;
};
class LossRows : public PathWatchTest, public testing::WithParamInterface<Loss> {};

/// The Coordinator's part is played without its memory of earlier deaths: what answers for 2 s is taken back.
TEST_P(LossRows, DoesNotOscillate) {
    paths[kWlan].up_pps = 100;
    paths[kWlan].down_pps = GetParam().down_pps;
    pass(5s);
    paths[kWlan].loss = GetParam().round_trip_loss;
    for (int second = 0; second < 600; ++second) {
        pass(1s);
        if (watch.dead(kWlan) && verdicts.ends_with("alive") && now - verdict_at >= 2s) {
            watch.start(kWlan, now);
            carries[kWlan] = true;
        }
    }
    EXPECT_LE(deaths, GetParam().deaths_in_ten_minutes);
}

INSTANTIATE_TEST_SUITE_P(Rows, LossRows,
                         testing::Values(Loss{"one_percent", 0.01, 0, 0}, Loss{"ten_percent", 0.1, 0, 1},
                                         Loss{"ten_percent_each_way", 0.19, 0, 1}, Loss{"thirty_percent", 0.3, 0, 2},
                                         Loss{"thirty_percent_each_way", 0.51, 0, 3},
                                         Loss{"thirty_percent_with_traffic_back", 0.3, 100, 0}),
                         [](const auto& row) { return row.param.name; });

TEST(PathQuality, ARunMustBeUnlikelyByChance) {
    PathQuality quality;
    EXPECT_EQ(quality.run_that_tells(3), 3U);
    EXPECT_EQ(quality.patience(50ms), 1s);
    for (int i = 0; i < 50; ++i) {
        quality.answered(20ms);
    }
    EXPECT_EQ(quality.run_that_tells(3), 3U);
    EXPECT_EQ(quality.patience(50ms), 50ms);
    for (int i = 0; i < 5; ++i) {
        quality.lost();
    }
    EXPECT_EQ(quality.loss(), 0.1);
    EXPECT_EQ(quality.run_that_tells(3), 6U);
    for (int i = 0; i < 45; ++i) {
        quality.lost();
    }
    EXPECT_EQ(quality.run_that_tells(3), 20U);
    for (int i = 0; i < 50; ++i) {
        quality.answered(20ms);
    }
    EXPECT_EQ(quality.loss(), 0) << "only the last 50 count";
}

}  // namespace
}  // namespace homeward::handover
