// How fast an uplink is, and what follows from it for rules that spread by rate.
#include <gtest/gtest.h>

#include "handover/path_quality.h"
#include "handover/rate_estimate.h"
#include "handover/rate_shares.h"

namespace homeward::handover {
namespace {

using namespace std::chrono_literals;

void answers(PathQuality& quality, Duration round_trip, int count) {
    for (int i = 0; i < count; ++i) {
        quality.answered(round_trip);
    }
}

TEST(PathQuality, QueuesMakeAPathFull) {
    struct Row {
        const char* name;
        Duration base, now;
        bool full;
    };
    const Row rows[] = {
        {"nothing queues", 20ms, 20ms, false},
        {"less than a queue", 20ms, 24ms, false},
        {"a queue", 20ms, 27ms, true},
        {"a long path wavers", 160ms, 190ms, false},
        {"a long path with a queue", 160ms, 220ms, true},
        {"a very short one", 100us, 4ms, false},
    };
    for (const Row& row : rows) {
        PathQuality quality;
        EXPECT_FALSE(quality.full());
        answers(quality, row.base, 40);
        answers(quality, row.now, 40);
        EXPECT_EQ(quality.full(), row.full) << row.name;
        answers(quality, row.base, 60);
        EXPECT_FALSE(quality.full()) << row.name;
    }
}

TEST(PathQuality, APathThatBecameLongerIsNotFullForEver) {
    PathQuality quality;
    answers(quality, 20ms, 40);
    answers(quality, 60ms, 60);
    EXPECT_TRUE(quality.full());
    answers(quality, 60ms, 2000);
    EXPECT_FALSE(quality.full());
    EXPECT_GT(*quality.base(), 50ms);
}

TEST(RateEstimate, OnlyAFullSecondLowersIt) {
    RateEstimate rate;
    rate.sample(40'000'000, false);
    EXPECT_EQ(rate.value(), std::nullopt) << "it may carry more";
    rate.sample(80'000'000, true);
    EXPECT_EQ(rate.value(), 80'000'000U);
    for (int i = 0; i < 100; ++i) {
        rate.sample(1'000, false);
    }
    EXPECT_EQ(rate.value(), 80'000'000U) << "nobody asked for more";
    rate.sample(90'000'000, false);
    EXPECT_EQ(rate.value(), 90'000'000U) << "what was carried can be carried";
    rate.sample(50'000'000, true);
    EXPECT_EQ(rate.value(), 80'000'000U) << "one second is no verdict";
    for (int i = 0; i < 20; ++i) {
        rate.sample(20'000'000, true);
    }
    EXPECT_NEAR(static_cast<double>(*rate.value()), 20e6, 1e6);
    rate.reset();
    EXPECT_EQ(rate.value(), std::nullopt);
}

TEST(RateEstimate, WhatWasMeasuredLongAgoSaysNothing) {
    RateEstimate rate;
    EXPECT_EQ(rate.value_of_last(10), std::nullopt);
    rate.sample(5'000'000, true);
    for (int second = 1; second < 10; ++second) {
        rate.sample(1'000, false);
        EXPECT_EQ(rate.value_of_last(10), 5'000'000U) << second;
    }
    rate.sample(1'000, false);
    EXPECT_EQ(rate.value_of_last(10), std::nullopt);
    EXPECT_EQ(rate.value(), 5'000'000U);
    rate.sample(4'000'000, true);
    EXPECT_TRUE(rate.value_of_last(10)) << "full again";
}

constexpr std::uint64_t kMega = 1'000'000;

TEST(RateShares, ChangesWhenItIsWorthIt) {
    struct Step {
        const char* name;
        Duration at;
        std::optional<std::uint64_t> wlan, cellular;
        std::optional<int> cellular_rate;  ///< nullopt: what is in force stays
    };
    const Step steps[] = {
        {"nothing known", 1s, std::nullopt, std::nullopt, std::nullopt},
        {"the one that is known may as well be as fast as the other", 2s, 80 * kMega, std::nullopt, std::nullopt},
        {"both known", 3s, 80 * kMega, 20 * kMega, 64},
        {"too early", 8s, 80 * kMega, 60 * kMega, std::nullopt},
        {"in time", 13s, 80 * kMega, 60 * kMega, 191},
        {"not worth it", 60s, 80 * kMega, 70 * kMega, std::nullopt},
        {"never nothing", 80s, 1000 * kMega, 1, 1},
        {"forgotten", 100s, 80 * kMega, std::nullopt, 255},
    };
    RateShares shares;
    int cellular = 255;
    for (const Step& step : steps) {
        const RateShares::Uplink uplinks[] = {{1, step.wlan}, {2, step.cellular}};
        const auto changed = shares.update(uplinks, 10s, step.at);
        EXPECT_EQ(changed.has_value(), step.cellular_rate.has_value()) << step.name;
        cellular = step.cellular_rate.value_or(cellular);
        EXPECT_EQ(shares.in_force().of(2), cellular) << step.name;
        EXPECT_EQ(shares.in_force().of(1), 255) << step.name;
    }
}

TEST(RateShares, AnIntervalOfNothingMeansNever) {
    RateShares shares;
    const RateShares::Uplink uplinks[] = {{1, 80 * kMega}, {2, kMega}};
    EXPECT_FALSE(shares.update(uplinks, 0s, 5s).has_value());
    EXPECT_TRUE(shares.in_force().empty());
}

}  // namespace
}  // namespace homeward::handover
