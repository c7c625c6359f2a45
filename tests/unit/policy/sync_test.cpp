#include "policy/sync.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "link.h"
#include "policy/delta.h"
#include "random_policy.h"

namespace homeward::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr LinkShape kCellular{3.61e6, milliseconds{25}, 64 * 1024};
constexpr LinkShape kBack{0, milliseconds{25}};
constexpr Time kRoundTrip = milliseconds{50};

Policy table_of(std::uint32_t rules, std::uint32_t seed = 1) {
    return RandomPolicy{seed}.wide(rules);
}

/// A path on which the home agent has `policy` already.
void settle(Path& path, const Policy& policy, std::uint32_t version) {
    path.set(policy, version);
    path.register_now();
    ASSERT_TRUE(path.run(seconds{600}));
    path.messages = 0;
    path.bytes = 0;
}

void expect_last(const Path& path, const Policy& policy, std::uint32_t version) {
    ASSERT_FALSE(path.applied.empty());
    EXPECT_EQ(path.applied.back().policy, policy);
    EXPECT_EQ(path.applied.back().generation.version, version);
    EXPECT_EQ(*path.applied.back().encoded, encode(policy));
}

TEST(Sync, FullTableUsesAtLeastHalfTheUplink) {
    struct Row {
        const char* name;
        LinkShape up;
        LinkShape down;
    };
    const Row rows[] = {
        {"cellular", kCellular, kBack},
        {"cellular, short queue", {3.61e6, milliseconds{25}, 20 * 1024}, kBack},
        {"cellular, long way", {3.61e6, milliseconds{100}, 64 * 1024}, {0, milliseconds{100}}},
        {"wlan", {14.67e6, milliseconds{10}, 64 * 1024}, {0, milliseconds{10}}},
        {"slow", {256e3, milliseconds{150}, 64 * 1024}, {0, milliseconds{150}}},
    };
    const Policy policy = table_of(100'000);
    const double size = static_cast<double>(encode(policy).size());
    for (const Row& row : rows) {
        Path path{row.up, row.down, 1};
        path.set(policy, 7);
        const Time start = path.now();
        path.register_now();
        ASSERT_TRUE(path.run(seconds{600})) << row.name;
        expect_last(path, policy, 7);
        const Time allowed =
            Time{static_cast<std::int64_t>(size * 8e9 / (row.up.bits_per_s / 2))} + 3 * (row.up.delay + row.down.delay);
        EXPECT_LE((path.applied_at - start).count(), allowed.count()) << row.name;
        RecordProperty(
            std::string{row.name} + " share of the uplink, percent",
            static_cast<int>(size * 8e11 / row.up.bits_per_s / static_cast<double>((path.applied_at - start).count())));
    }
}

TEST(Sync, OneRuleChangeTakesOneRoundTripAndOneMessage) {
    Policy policy = table_of(100'000);
    Path path{kCellular, kBack, 1};
    ASSERT_NO_FATAL_FAILURE(settle(path, policy, 1));
    policy.rules[54'321].uplinks = {2};
    path.set(policy, 2);
    const Time start = path.now();
    ASSERT_TRUE(path.run(seconds{10}));
    expect_last(path, policy, 2);
    EXPECT_LE((path.applied_at - start).count(), (kRoundTrip).count());
    EXPECT_EQ(path.messages, 1U);
    EXPECT_LT(path.bytes, 400U);
}

TEST(Sync, EditsAndMovesStaySmall) {
    struct Row {
        const char* name;
        std::function<void(Policy&)> edit;
    };
    const Row rows[] = {
        {"default",
         [](Policy& p) {
             p.fallback = {2, 1};
         }},
        {"both ends",
         [](Policy& p) {
             p.rules.front().uplinks = {3};
             p.rules.back().uplinks = {3};
         }},
        {"inserted at the front",
         [](Policy& p) {
             p.rules.insert(p.rules.begin(), Rule{{}, 6, {22, 22}, {1}});
         }},
        {"removed", [](Policy& p) { p.rules.erase(p.rules.begin() + 10, p.rules.begin() + 500); }},
        {"block moved",
         [](Policy& p) { std::rotate(p.rules.begin() + 5, p.rules.begin() + 700, p.rules.begin() + 9000); }},
        {"halves swapped", [](Policy& p) { std::rotate(p.rules.begin(), p.rules.begin() + 5000, p.rules.end()); }},
    };
    const Policy before = table_of(10'000);
    for (const Row& row : rows) {
        Policy after = before;
        row.edit(after);
        Path path{kCellular, kBack, 1};
        ASSERT_NO_FATAL_FAILURE(settle(path, before, 1));
        path.set(after, 2);
        ASSERT_TRUE(path.run(seconds{10})) << row.name;
        expect_last(path, after, 2);
        EXPECT_EQ(path.messages, 1U) << row.name;
    }
}

TEST(Sync, ASmallTableGoesWithTheFirstRegistration) {
    Path path{kCellular, kBack, 1};
    const Policy policy = table_of(50);
    path.set(policy, 1);
    path.register_now();
    ASSERT_TRUE(path.run(seconds{10}));
    expect_last(path, policy, 1);
    EXPECT_EQ(path.messages, 1U);
}

TEST(Sync, SurvivesLossReorderingAndDuplication) {
    const Policy before = table_of(20'000, 1);
    const Policy after = table_of(20'000, 2);
    for (std::uint32_t seed = 0; seed < 30; ++seed) {
        LinkShape up = kCellular;
        LinkShape down = kBack;
        up.loss = down.loss = (seed % 4) * 0.1;
        up.reordering = seed % 3 == 0 ? 0.1 : 0;
        up.duplication = down.duplication = seed % 5 == 0 ? 0.2 : 0;
        down.reordering = seed % 2 == 0 ? 0.2 : 0;
        Path path{up, down, seed};
        path.in_order_only = seed % 3 != 1;
        path.set(before, 1);
        for (int i = 0; i < 50 && !path.sender.peer(); ++i) {  // the node's own retransmission
            path.register_now();
            path.run(seconds{1});
        }
        ASSERT_TRUE(path.run(seconds{600})) << "seed " << seed;
        path.set(after, 2);
        ASSERT_TRUE(path.run(seconds{600})) << "seed " << seed;
        expect_last(path, after, 2);
    }
}

TEST(Sync, ANewTableAbandonsTheOldTransfer) {
    Path path{kCellular, kBack, 1};
    path.set(table_of(50'000, 1), 1);
    path.register_now();
    EXPECT_FALSE(path.run(milliseconds{300}));
    const Policy newer = table_of(1000, 2);
    path.set(newer, 2);
    ASSERT_TRUE(path.run(seconds{10}));
    ASSERT_EQ(path.applied.size(), 1U);
    expect_last(path, newer, 2);
}

TEST(Sync, HomeAgentRestartsInTheMiddle) {
    const Policy policy = table_of(50'000);
    Path path{kCellular, kBack, 1};
    path.set(policy, 1);
    path.register_now();
    EXPECT_FALSE(path.run(milliseconds{500}));
    path.receiver = SyncReceiver{};
    ASSERT_TRUE(path.run(seconds{30}));
    expect_last(path, policy, 1);
}

TEST(Sync, HomeAgentForgetsTheBaseOfADelta) {
    Policy policy = table_of(20'000);
    Path path{kCellular, kBack, 1};
    ASSERT_NO_FATAL_FAILURE(settle(path, policy, 1));
    path.receiver = SyncReceiver{};
    policy.rules[5].uplinks = {3};
    path.set(policy, 2);
    ASSERT_TRUE(path.run(seconds{30}));
    expect_last(path, policy, 2);
}

TEST(Sync, ABaseThatIsNotWhatItsDigestSaysLeadsToAWholeTransfer) {
    Policy policy = table_of(2000);
    Path path{kCellular, kBack, 1};
    ASSERT_NO_FATAL_FAILURE(settle(path, policy, 1));
    path.receiver.in_force(*path.sender.peer(), std::make_shared<const wire::Bytes>(encode(table_of(2000, 9))));
    policy.rules[5].uplinks = {3};
    path.set(policy, 2);
    ASSERT_TRUE(path.run(seconds{30}));
    expect_last(path, policy, 2);
    EXPECT_EQ(path.sender.counters().transfers, 3U);
}

TEST(Sync, NodeRestartsInTheMiddleAndGoesOn) {
    const Policy policy = table_of(50'000);
    Path path{kCellular, kBack, 1};
    path.set(policy, 1);
    path.register_now();
    EXPECT_FALSE(path.run(seconds{1}));
    const std::size_t held = path.sender.progress().first;
    ASSERT_GT(held, 100U);
    path.sender = SyncSender{};
    path.set(policy, 1);
    path.messages = 0;
    path.register_now();
    ASSERT_TRUE(path.run(seconds{30}));
    expect_last(path, policy, 1);
    EXPECT_LT(path.messages, 60'000 * 8 / path.capacity + 50 - held / 2);
}

TEST(Sync, ATableTheHomeAgentHasAlreadyIsNotSent) {
    const Policy policy = table_of(20'000);
    const auto shared = std::make_shared<const wire::Bytes>(encode(policy));
    Path path{kCellular, kBack, 1};
    path.find = [&](const Digest& wanted) { return wanted == digest(*shared) ? shared : nullptr; };
    path.set(policy, 1);
    path.register_now();
    ASSERT_TRUE(path.run(seconds{1}));
    EXPECT_EQ(path.messages, 1U);
    EXPECT_EQ(path.applied.back().encoded, shared);
    path.set(policy, 2);  // another version of the same
    ASSERT_TRUE(path.run(seconds{1}));
    EXPECT_EQ(path.messages, 2U);
    expect_last(path, policy, 2);
}

TEST(Sync, HomeAgentLimitsAreKept) {
    Path path{kCellular, kBack, 1};
    path.limits.max_rules = 1000;
    path.limits.max_bytes = 20'000;
    path.set(table_of(50'000), 1);
    path.register_now();
    EXPECT_FALSE(path.run(seconds{5}));
    EXPECT_TRUE(path.sender.refused());
    EXPECT_EQ(path.receiver.assembly_bytes(), 0U);
    EXPECT_LT(path.messages, 40U);
    path.set(table_of(1001), 2);  // fits the bytes, not the rules
    EXPECT_FALSE(path.run(seconds{5}));
    EXPECT_TRUE(path.sender.refused());
    const Policy fits = table_of(1000);
    path.set(fits, 3);
    ASSERT_TRUE(path.run(seconds{5}));
    expect_last(path, fits, 3);
}

TEST(Sync, ADeltaCannotGrowBeyondTheLimit) {
    const Policy base = table_of(100);
    const wire::Bytes delta = make_delta(base, digest(encode(base)), base);
    const auto copied = apply_delta(delta, base, 100);
    ASSERT_TRUE(copied.ok());
    EXPECT_EQ(*copied, base);
    EXPECT_FALSE(apply_delta(delta, base, 99).ok());
    wire::Bytes twice = delta;
    twice.insert(twice.end(), delta.end() - 9, delta.end());
    EXPECT_FALSE(apply_delta(twice, base, 1000).ok());
}

TEST(Sync, EveryTruncationOfADeltaIsRefused) {
    const Policy base = table_of(100);
    Policy target = base;
    target.rules[50].uplinks = {3};
    target.rules.erase(target.rules.begin() + 20);
    const wire::Bytes delta = make_delta(base, digest(encode(base)), target);
    ASSERT_EQ(*apply_delta(delta, base, 100), target);
    for (std::size_t size = 0; size < delta.size(); ++size) {
        EXPECT_FALSE(apply_delta(wire::ByteView{delta}.first(size), base, 100).ok()) << size;
    }
}

TEST(Sync, RandomEditsMakeTheTarget) {
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
        RandomPolicy random{seed};
        const Policy base = random.crowded(random.below(60));
        Policy target = base;
        for (std::uint32_t edits = random.below(6); edits > 0; --edits) {
            const auto at = [&] {
                return target.rules.begin() + random.below(static_cast<std::uint32_t>(target.rules.size()) + 1);
            };
            if (random.one_in(2)) {
                target.rules.insert(at(), random.crowded_rule());
            } else {
                auto a = at();
                auto b = at();
                random.one_in(2) ? void(target.rules.erase(std::min(a, b), std::max(a, b)))
                                 : std::reverse(std::min(a, b), std::max(a, b));
            }
        }
        const auto made = apply_delta(make_delta(base, digest(encode(base)), target), base, 1000);
        ASSERT_TRUE(made.ok()) << "seed " << seed;
        EXPECT_EQ(*made, target) << "seed " << seed;
    }
}

TEST(Sync, AnAssemblyWithoutPiecesIsGivenUp) {
    Path path{kCellular, kBack, 1};
    path.set(table_of(50'000), 1);
    path.register_now();
    EXPECT_FALSE(path.run(milliseconds{300}));
    EXPECT_GT(path.receiver.assembly_bytes(), 0U);
    EXPECT_FALSE(path.receiver.expire(path.now() + seconds{29}, path.limits));
    EXPECT_TRUE(path.receiver.expire(path.now() + seconds{31}, path.limits));
    EXPECT_EQ(path.receiver.assembly_bytes(), 0U);
}

TEST(Sync, ATableThatWasNotAppliedComesAgain) {
    SyncSender sender;
    SyncReceiver receiver;
    const Policy policy = table_of(10);
    sender.set(std::make_shared<const Policy>(policy), {1, digest(encode(policy))});
    Time now = seconds{1};
    const SyncLimits limits;
    ASSERT_EQ(receiver.request(sender.request(1000, now), now, limits, {}).verdict, SyncReceiver::Verdict::complete);
    receiver.not_applied();
    sender.reply(receiver.reply(1000), now);
    unsigned asked = 0;
    for (; now < seconds{60} && receiver.applied() == std::nullopt; now += milliseconds{100}) {
        if (!sender.due(now)) {
            continue;
        }
        const auto outcome = receiver.request(sender.request(1000, now), now, limits, {});
        if (outcome.table && ++asked == 3) {
            receiver.in_force(outcome.table->generation, outcome.table->encoded);
        } else {
            receiver.not_applied();
        }
        sender.reply(receiver.reply(1000), now);
    }
    EXPECT_TRUE(sender.synchronised());
    EXPECT_EQ(asked, 3U);
}

}  // namespace
}  // namespace homeward::policy
