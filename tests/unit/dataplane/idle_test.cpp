#include "worker/idle.h"

#include <gtest/gtest.h>

namespace homeward::worker {
namespace {

TEST(Idle, NeverSleepsWhereItMustPoll) {
    Idle idle{false};
    for (int i = 0; i < 10'000; ++i) {
        ASSERT_EQ(idle.after(0), 0U);
    }
}

TEST(Idle, SleepsAfterEmptyPollsLongerAndLonger) {
    Idle idle{true};
    for (unsigned i = 0; i < Idle::kEmptyPolls; ++i) {
        ASSERT_EQ(idle.after(0), 0U) << i;
    }
    std::uint32_t expected = Idle::kShortestNs;
    for (int i = 0; i < 20; ++i) {
        ASSERT_EQ(idle.after(0), expected) << i;
        expected = std::min(expected * 2, Idle::kLongestNs);
    }
}

TEST(Idle, OnePacketMakesItPollAgain) {
    Idle idle{true};
    for (int i = 0; i < 1000; ++i) {
        idle.after(0);
    }
    EXPECT_EQ(idle.after(1), 0U);
    for (unsigned i = 0; i < Idle::kEmptyPolls; ++i) {
        ASSERT_EQ(idle.after(0), 0U) << i;
    }
    EXPECT_EQ(idle.after(0), Idle::kShortestNs);
}

}  // namespace
}  // namespace homeward::worker
