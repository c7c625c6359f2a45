#include "way.h"

#include <gtest/gtest.h>

#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "playback.h"

namespace harness::link {
namespace {

using namespace std::chrono_literals;
using nlohmann::json;

constexpr std::size_t kFrame = 1000;

Way way_with(const json& conditions, std::uint64_t seed = 7) {
    Way way{seed};
    way.set(changed(Conditions{}, conditions, "both"));
    return way;
}

/// Departures of `count` frames that arrive every `gap`; a lost frame has none.
std::vector<std::vector<nanoseconds>> travel(Way& way, unsigned count, nanoseconds gap) {
    std::vector<std::vector<nanoseconds>> times;
    for (unsigned i = 0; i < count; ++i) {
        const auto departures = way.carry(gap * i, kFrame);
        times.emplace_back(departures.begin(), departures.end());
    }
    return times;
}

unsigned missing(const std::vector<std::vector<nanoseconds>>& times) {
    return static_cast<unsigned>(std::count_if(times.begin(), times.end(), [](const auto& t) { return t.empty(); }));
}

/// Within five standard deviations of a binomial distribution.
void expect_share(double count, double trials, double share) {
    EXPECT_NEAR(count, trials * share, 5 * std::sqrt(trials * share * (1 - share)));
}

TEST(Way, WithoutConditionsChangesNothing) {
    Way way{1};
    for (const auto& times : travel(way, 100, 1ms)) {
        ASSERT_EQ(times.size(), 1U);
    }
    EXPECT_EQ(way.carry(5s, kFrame)[0], 5s);
}

TEST(Way, DelaysEveryFrameAlike) {
    Way way = way_with({{"delay_ms", 12.5}});
    for (unsigned i = 0; i < 50; ++i) {
        EXPECT_EQ(way.carry(1ms * i, kFrame)[0], 1ms * i + 12500us);
    }
}

TEST(Way, JitterSpreadsTheDelayEvenly) {
    Way way = way_with({{"delay_ms", 50}, {"jitter_ms", 4}});
    double sum = 0;
    nanoseconds least = 1s, most{};
    for (unsigned i = 0; i < 20'000; ++i) {
        const nanoseconds arrival = 20ms * i, left = way.carry(arrival, kFrame)[0];
        least = std::min(least, left - arrival);
        most = std::max(most, left - arrival);
        sum += std::chrono::duration<double, std::milli>(left - arrival).count();
    }
    EXPECT_NEAR(sum / 20'000, 50, 0.1);
    EXPECT_TRUE(least >= 46ms && least < 46100us) << least.count();
    EXPECT_TRUE(most <= 54ms && most > 53900us) << most.count();
}

TEST(Way, JitterKeepsTheOrderOfFramesThatFollowClosely) {
    Way way = way_with({{"delay_ms", 50}, {"jitter_ms", 4}});
    nanoseconds last{};
    for (unsigned i = 0; i < 2000; ++i) {
        const nanoseconds left = way.carry(100us * i, kFrame)[0];
        EXPECT_GE(left, last);
        last = left;
    }
}

TEST(Way, RateSpacesFramesAndItsQueueDropsTheRest) {
    Way way = way_with({{"rate_mbps", 8}, {"queue_bytes", 10 * kFrame}});  // a frame in 1 ms
    const auto times = travel(way, 1000, 500us);                           // twice what fits
    std::vector<nanoseconds> left;
    for (const auto& time : times) {
        left.insert(left.end(), time.begin(), time.end());
    }
    for (std::size_t i = 1; i < left.size(); ++i) {
        ASSERT_EQ(left[i] - left[i - 1], 1ms);
    }
    EXPECT_NEAR(static_cast<double>(left.size()), 510, 2);
    EXPECT_EQ(way.tally().overflowed, 1000 - left.size());
    EXPECT_LE(left.back(), 499500us + 10ms);
}

TEST(Way, QueueMayBeGivenAsTime) {
    Way way = way_with({{"rate_mbps", 8}, {"queue_ms", 20}});
    EXPECT_EQ(missing(travel(way, 100, 0ns)), 80U);
}

TEST(Way, LosesIndependently) {
    constexpr unsigned kFrames = 200'000;
    Way way = way_with({{"loss", 0.03}});
    const auto times = travel(way, kFrames, 1ms);
    unsigned pairs = 0;
    for (std::size_t i = 1; i < times.size(); ++i) {
        pairs += times[i].empty() && times[i - 1].empty() ? 1U : 0U;
    }
    expect_share(missing(times), kFrames, 0.03);
    expect_share(pairs, kFrames, 0.03 * 0.03);
    EXPECT_EQ(way.tally().lost, missing(times));
}

TEST(Way, LosesInBursts) {
    constexpr unsigned kFrames = 400'000;
    Way way = way_with({{"bursts", {{"enter", 0.01}, {"leave", 0.2}}}});
    const auto times = travel(way, kFrames, 1ms);
    std::vector<unsigned> bursts;
    for (std::size_t i = 0; i < times.size(); ++i) {
        if (times[i].empty() && (i == 0 || !times[i - 1].empty())) {
            bursts.push_back(0);
        }
        if (times[i].empty()) {
            ++bursts.back();
        }
    }
    const auto count = static_cast<double>(bursts.size());
    // Bursts are geometric: mean 1/leave, standard deviation √(1 − leave)/leave.
    EXPECT_NEAR(missing(times) / count, 5, 5 * std::sqrt(0.8) / 0.2 / std::sqrt(count));
    EXPECT_NEAR(missing(times) / double{kFrames}, 0.01 / 0.21, 0.003);
    expect_share(static_cast<double>(std::count(bursts.begin(), bursts.end(), 1U)), count, 0.2);
}

TEST(Way, HoldsBackSomeFramesSoThatOthersOvertake) {
    Way way = way_with({{"delay_ms", 10}, {"reorder", 0.05}, {"reorder_ms", 5}});
    const auto times = travel(way, 20'000, 1ms);
    unsigned late = 0;
    for (std::size_t i = 0; i < times.size(); ++i) {
        const nanoseconds took = times[i][0] - 1ms * static_cast<int>(i);
        EXPECT_TRUE(took == 10ms || took == 15ms) << took.count();
        late += took == 15ms ? 1U : 0U;
    }
    expect_share(late, 20'000, 0.05);
    EXPECT_EQ(way.tally().reordered, late);
}

TEST(Way, SendsSomeFramesTwice) {
    Way way = way_with({{"duplicate", 0.1}});
    const auto times = travel(way, 20'000, 1ms);
    const auto twice = std::count_if(times.begin(), times.end(), [](const auto& t) { return t.size() == 2; });
    expect_share(static_cast<double>(twice), 20'000, 0.1);
    EXPECT_EQ(way.tally().duplicated, static_cast<std::uint64_t>(twice));
}

TEST(Way, BlackholeSwallowsEverythingUntilItEnds) {
    Way way = way_with({{"delay_ms", 5}, {"blackhole", true}});
    EXPECT_TRUE(way.dark());
    EXPECT_EQ(missing(travel(way, 10, 1ms)), 10U);
    way.set(changed(way.conditions(), {{"blackhole", false}}, "both"));
    EXPECT_EQ(way.carry(1s, kFrame)[0], 1s + 5ms);
    EXPECT_EQ(way.tally().vanished, 10U);
}

TEST(Way, RepeatsItselfWithTheSameSeed) {
    const json conditions{{"loss", 0.1}, {"delay_ms", 9}, {"jitter_ms", 3}, {"reorder", 0.1}, {"duplicate", 0.1}};
    Way first = way_with(conditions, 3), again = way_with(conditions, 3), other = way_with(conditions, 4);
    const auto times = travel(first, 1000, 1ms);
    EXPECT_EQ(times, travel(again, 1000, 1ms));
    EXPECT_NE(times, travel(other, 1000, 1ms));
}

TEST(Conditions, ChangeWhatIsNamedAndNothingElse) {
    const Conditions before = changed({}, {{"loss", 0.5}, {"rate_mbps", 3.61}}, "both");
    const Conditions after = changed(before, {{"delay_ms", 2}}, "both");
    EXPECT_EQ(after.loss, 0.5);
    EXPECT_DOUBLE_EQ(after.rate_bps, 3.61e6);
    EXPECT_EQ(after.delay, 2ms);
}

TEST(Conditions, RefuseMistakesWithTheirPath) {
    const std::vector<std::pair<json, std::string>> rows{
        {{{"los", 0.1}}, "both.los: unknown key"},
        {{{"loss", 1.5}}, "both.loss: expected a number from 0.0 to 1.0, got 1.5"},
        {{{"loss", "much"}}, "both.loss: expected a number from 0.0 to 1.0, got \"much\""},
        {{{"delay_ms", -1}}, "both.delay_ms: expected a number from 0.0 to 10000000.0, got -1"},
        {{{"blackhole", 1}}, "both.blackhole: expected true or false, got 1"},
        {{{"bursts", {{"entr", 1}}}}, "both.bursts.entr: unknown key"},
        {json::array(), "both: expected an object, got []"},
    };
    for (const auto& [change, text] : rows) {
        try {
            changed({}, change, "both");
            ADD_FAILURE() << change.dump() << " was accepted";
        } catch (const BadConditions& error) {
            EXPECT_EQ(error.what(), text);
        }
    }
}

class PlaybackTest : public testing::Test {
  public:
    PlaybackTest(const PlaybackTest&) = delete;
    PlaybackTest& operator=(const PlaybackTest&) = delete;

  protected:
    PlaybackTest() {
        std::ofstream{file_} << "# mn-trace v1\n"
                                "t_s,iface,bssid,connected,rtt_ms,loss,rate_mbps\n"
                                "10,wlan0,02:00:00:00:00:01,1,20,,54\n"
                                "10,wlan0,02:00:00:00:00:02,0,,,\n"
                                "10.5,rmnet0,,1,80,0.1,4\n"
                                "11,wlan0,02:00:00:00:00:01,0,,,\n"
                                "12.25,wlan0,02:00:00:00:00:02,1,,0.02,\n"
                                "13,wlan0,02:00:00:00:00:02,1,,,0\n";
    }
    ~PlaybackTest() override { std::filesystem::remove(file_); }

    std::filesystem::path file_ =
        std::filesystem::path{testing::TempDir()} / ("playback-" + std::to_string(getpid()) + ".csv");
};

TEST_F(PlaybackTest, FollowsOneInterface) {
    Playback playback{file_, "wlan0", 100s};
    struct Row {
        nanoseconds time;
        double rate_bps;
        nanoseconds delay;
        double loss;
        bool blackhole;
    };
    const std::vector<Row> rows{{100s, 54e6, 10ms, 0.5, false},
                                {101s, 54e6, 10ms, 0.5, true},
                                {102250ms, 54e6, 10ms, 0.02, false},
                                {103s, 54e6, 10ms, 0.02, true}};
    Conditions conditions = changed({}, {{"loss", 0.5}}, "both");
    for (const Row& row : rows) {
        ASSERT_EQ(playback.next(), row.time);
        conditions = playback.apply(conditions);
        playback.advance();
        EXPECT_EQ(conditions.rate_bps, row.rate_bps);
        EXPECT_EQ(conditions.delay, row.delay);
        EXPECT_EQ(conditions.loss, row.loss);
        EXPECT_EQ(conditions.blackhole, row.blackhole);
    }
    EXPECT_EQ(playback.next(), nanoseconds::max());
}

TEST_F(PlaybackTest, RefusesWhatSaysNothingAboutTheInterface) {
    EXPECT_THROW((Playback{file_, "eth7", 0s}), BadConditions);
    EXPECT_THROW((Playback{file_.string() + ".none", "wlan0", 0s}), BadConditions);
}

}  // namespace
}  // namespace harness::link
