#include "registration/replay_guard.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace homeward::registration {
namespace {

using config::Replay;
using namespace std::chrono_literals;

constexpr mip::UnixTime kNow = 1'790'000'000s;
constexpr auto kTolerance = 7s;

mip::Identification at(std::chrono::milliseconds offset) {
    return mip::timestamp(kNow + offset, 0);
}

/// One request after another: when it says it was sent, what it is about, and whether it is fresh.
struct Step {
    int offset_ms;
    int binding_id;  ///< 0: the whole node
    bool fresh;
};
struct Row {
    const char* name;
    Replay style;
    std::vector<Step> steps;
};

const Row kRows[] = {
    {"tolerance_ahead", Replay::timestamp, {{7000, 0, true}, {7001, 0, false}}},
    {"tolerance_behind", Replay::timestamp, {{-7001, 0, false}, {-7000, 0, true}}},
    {"must_grow", Replay::timestamp, {{10, 0, true}, {10, 0, false}, {9, 0, false}, {11, 0, true}}},
    {"a_refused_one_raises_nothing", Replay::timestamp, {{7001, 0, false}, {1, 0, true}}},
    {"strict_over_bindings", Replay::timestamp, {{10, 1, true}, {5, 2, false}, {11, 2, true}}},
    {"interfaces_may_reorder", Replay::timestamp_per_binding, {{10, 1, true}, {5, 2, true}, {5, 2, false}}},
    {"the_whole_node_is_after_all", Replay::timestamp_per_binding, {{10, 1, true}, {5, 0, false}, {11, 0, true}}},
    {"the_whole_node_raises_all", Replay::timestamp_per_binding, {{20, 0, true}, {15, 3, false}, {21, 3, true}}},
};

class ReplayRows : public testing::TestWithParam<Row> {};

TEST_P(ReplayRows, Fresh) {
    ReplayGuard guard;
    int number = 0;
    for (const Step& step : GetParam().steps) {
        const auto scope =
            step.binding_id == 0 ? std::nullopt : std::optional(static_cast<std::uint8_t>(step.binding_id));
        const mip::Identification id = at(std::chrono::milliseconds(step.offset_ms));
        EXPECT_EQ(guard.fresh(GetParam().style, id, scope, kNow, kTolerance), step.fresh) << "step " << number;
        if (step.fresh) {
            guard.use(GetParam().style, id, scope, 1);
        }
        // What the store brings back decides the same.
        ReplayGuard restored;
        restored.restore(guard.encode());
        guard = restored;
        ++number;
    }
}
INSTANTIATE_TEST_SUITE_P(Rows, ReplayRows, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(ReplayGuard, OrdersAcrossTheEndOfTheNtpEra) {
    constexpr mip::UnixTime kWrap = std::chrono::seconds(0x100000000LL - 2208988800LL);
    ReplayGuard guard;
    const mip::Identification before = mip::timestamp(kWrap - 1s, 0);
    const mip::Identification after = mip::timestamp(kWrap + 1s, 0);
    ASSERT_LT(after.value, before.value);
    ASSERT_TRUE(guard.fresh(Replay::timestamp, before, {}, kWrap, kTolerance));
    guard.use(Replay::timestamp, before, {}, 0);
    EXPECT_TRUE(guard.fresh(Replay::timestamp, after, {}, kWrap, kTolerance));
    guard.use(Replay::timestamp, after, {}, 0);
    EXPECT_FALSE(guard.fresh(Replay::timestamp, before, {}, kWrap, kTolerance));
}

TEST(ReplayGuard, ResynchronisationCarriesOurClockAndTheirLowHalf) {
    ReplayGuard guard;
    const mip::Identification id = at(-3600s);
    const mip::Identification reply = guard.reply_to(Replay::timestamp, id, false, kNow, 0);
    EXPECT_EQ(reply.high(), at(0ms).high());
    EXPECT_EQ(reply.low(), id.low());
    EXPECT_EQ(guard.reply_to(Replay::timestamp, id, true, kNow, 0), id);
}

TEST(ReplayGuard, NoncesAreGivenOutAndUsedOnce) {
    ReplayGuard guard;
    const mip::Identification first = mip::Identification::of(0, 77);
    EXPECT_FALSE(guard.fresh(Replay::nonce, first, {}, kNow, kTolerance));
    const mip::Identification refusal = guard.reply_to(Replay::nonce, first, false, kNow, 4711);
    EXPECT_EQ(refusal.high(), 4711U);
    EXPECT_EQ(refusal.low(), 77U);
    // A stale request does not change the nonce that a good one is about to use.
    EXPECT_EQ(guard.reply_to(Replay::nonce, first, false, kNow, 9999).high(), 4711U);
    const mip::Identification second = mip::Identification::of(4711, 78);
    ASSERT_TRUE(guard.fresh(Replay::nonce, second, {}, kNow, kTolerance));
    guard.use(Replay::nonce, second, {}, 4712);
    EXPECT_EQ(guard.reply_to(Replay::nonce, second, true, kNow, 0).high(), 4712U);
    EXPECT_FALSE(guard.fresh(Replay::nonce, second, {}, kNow, kTolerance));
    ReplayGuard restored;
    restored.restore(guard.encode());
    EXPECT_TRUE(restored.fresh(Replay::nonce, mip::Identification::of(4712, 1), {}, kNow, kTolerance));
}

TEST(ReplayGuard, IgnoresBytesThatItDidNotWrite) {
    ReplayGuard guard;
    guard.use(Replay::timestamp, at(5ms), {}, 0);
    const wire::Bytes good = guard.encode();
    for (std::size_t size = 0; size < good.size(); ++size) {
        ReplayGuard other;
        other.use(Replay::timestamp, at(6ms), {}, 0);
        other.restore(wire::ByteView{good}.first(size));
        EXPECT_FALSE(other.fresh(Replay::timestamp, at(6ms), {}, kNow, kTolerance));
    }
}

}  // namespace
}  // namespace homeward::registration
