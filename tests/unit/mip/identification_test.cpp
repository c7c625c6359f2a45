#include "mip/identification.h"

#include <gtest/gtest.h>

namespace homeward::mip {
namespace {

using namespace std::chrono_literals;

TEST(Timestamp, CountsFrom1900) {
    EXPECT_EQ(timestamp(0s, 0), Identification::of(2208988800, 0));
    EXPECT_EQ(timestamp(1s + 500ms, 0x1234), Identification::of(2208988801, 0x80001234));
    EXPECT_EQ(timestamp(-500ms, 0), Identification::of(2208988799, 0x80000000));
}

/// 2036-02-07 06:28:16 UTC is second 0 of the next era.
TEST(Timestamp, WrapsIntoTheNextEra) {
    constexpr UnixTime kWrap = 2085978496s;
    const Identification before = timestamp(kWrap - 1s, 0);
    const Identification behind = timestamp(kWrap + 1s, 0);
    EXPECT_EQ(before, Identification::of(0xffffffff, 0));
    EXPECT_EQ(behind, Identification::of(1, 0));
    EXPECT_TRUE(after(behind, before));
    EXPECT_FALSE(after(before, behind));
    EXPECT_EQ(difference(behind, before), 2s);
    EXPECT_EQ(difference(before, behind), -2s);
    EXPECT_EQ(unix_time(behind, kWrap - 100s), kWrap + 1s);
}

TEST(Timestamp, IsLaterByOneTick) {
    const Identification id = timestamp(1700000000s, 0);
    EXPECT_TRUE(after({id.value + 1}, id));
    EXPECT_FALSE(after(id, id));
}

TEST(Difference, RoundsToNanoseconds) {
    const Identification id = timestamp(1700000000s, 0);
    for (const auto step : std::initializer_list<std::chrono::nanoseconds>{1ms, 999ms, 7s, 40000000s}) {
        const auto forth = difference(timestamp(1700000000s + step, 0), id);
        EXPECT_LE(forth, step);
        EXPECT_GT(forth, step - 16us);  // the noise bits
        EXPECT_LE(difference(id, timestamp(1700000000s + step, 0)), -forth + 1ns);
    }
}

}  // namespace
}  // namespace homeward::mip
