#include "exception/token_bucket.h"

#include <gtest/gtest.h>

namespace homeward::exception {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000, kSecond = 1'000 * kMillisecond;

/// How many of `attempts` at equal distances over `duration` pass.
unsigned passed(TokenBucket& bucket, std::uint64_t start, std::uint64_t duration, unsigned attempts) {
    unsigned count = 0;
    for (unsigned i = 0; i < attempts; ++i) {
        count += bucket.take(start + duration * i / attempts) ? 1U : 0U;
    }
    return count;
}

TEST(TokenBucket, LetsTheBurstAndThenTheRateThrough) {
    struct Row {
        std::uint64_t rate, burst, duration;
        unsigned attempts, expected;
    };
    const Row rows[] = {
        {1000, 10, 0, 50, 10},                   // at one instant: the burst
        {1000, 10, kSecond, 100'000, 1010 - 1},  // the last attempt lies just before the full second
        {1000, 10, kSecond, 500, 500},           // below the rate: all
        {3, 1, kSecond, 1000, 3},                // fractions of a token add up: at 0, 1/3 and 2/3 s
        {20'000, 2000, kSecond / 10, 100'000, 4000 - 1},
        {0, 0, kSecond, 100, 0},
        {0, 4, kSecond, 100, 4},
    };
    for (const Row& row : rows) {
        TokenBucket bucket{row.rate, row.burst};
        EXPECT_EQ(passed(bucket, 0, row.duration, row.attempts), row.expected) << row.rate << " " << row.burst;
    }
}

TEST(TokenBucket, FillsUpToTheBurstInAPause) {
    TokenBucket bucket{1000, 10};
    EXPECT_EQ(passed(bucket, 0, 0, 20), 10U);
    EXPECT_EQ(passed(bucket, 5 * kMillisecond, 0, 20), 5U);
    EXPECT_EQ(passed(bucket, 3600 * kSecond, 0, 20), 10U);
}

TEST(TokenBucket, TimeThatStandsStillOrGoesBackEarnsNothing) {
    TokenBucket bucket{1000, 2};
    EXPECT_EQ(passed(bucket, kSecond, 0, 5), 2U);
    EXPECT_FALSE(bucket.take(kSecond));
    EXPECT_FALSE(bucket.take(0));
    EXPECT_FALSE(bucket.take(kSecond));
    EXPECT_TRUE(bucket.take(kSecond + kMillisecond));
}

TEST(TokenBucket, DoesNotOverflowAtTheHighestRate) {
    TokenBucket bucket{0xffffffff, 1000};
    EXPECT_EQ(passed(bucket, ~std::uint64_t{0} - kSecond, 0, 2000), 1000U);
}

}  // namespace
}  // namespace homeward::exception
