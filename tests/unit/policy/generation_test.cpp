#include "policy/generation.h"

#include <gtest/gtest.h>

#include "random_policy.h"

namespace homeward::policy {
namespace {

using wire::Bytes;
using wire::Ipv4Prefix;

TEST(Generation, RoundTripOfRandomPolicies) {
    for (std::uint32_t seed = 0; seed < 500; ++seed) {
        RandomPolicy random{seed};
        const Policy policy = random.crowded(random.below(40));
        const Bytes bytes = encode(policy);
        const auto decoded = decode(bytes);
        ASSERT_TRUE(decoded.ok()) << decoded.error().text;
        EXPECT_EQ(*decoded, policy);
    }
}

TEST(Generation, PlainTwoUplinkHostRuleTakesEightBytes) {
    Policy policy{{}, {1, 2}};
    const std::size_t empty = encode(policy).size();
    policy.rules.push_back({*Ipv4Prefix::parse("158.132.10.178/32"), kAnyProtocol, {}, {2, 1}});
    EXPECT_EQ(encode(policy).size() - empty, 8U);
}

TEST(Generation, WhatARuleSpreadsByIsPartOfIt) {
    const Rule plain{{}, kAnyProtocol, {}, {1, 2}};
    Rule spread = plain;
    spread.mode = Mode::spread;
    spread.weights = {4, 1};
    Rule by_rate = plain;
    by_rate.mode = Mode::spread_by_rate;
    by_rate.weights = {1, 1};
    Rule redundant = plain;
    redundant.mode = Mode::redundant;
    const Bytes bytes = encode({{plain, spread, by_rate, redundant}, {1}});
    EXPECT_EQ(bytes, (Bytes{1, 1,    1, 0, 0, 0, 4,  //
                            0, 2,    1, 2,           //
                            0, 0x12, 1, 2, 4, 1,     //
                            0, 0x22, 1, 2, 1, 1,     //
                            0, 0x32, 1, 2}));
    Policy rated{{by_rate}, {1}};
    rated.rates.push_back(1, 255);
    rated.rates.push_back(2, 63);
    EXPECT_EQ(encode(rated), (Bytes{2, 1, 1, 2, 1, 255, 2, 63, 0, 0, 0, 1, 0, 0x22, 1, 2, 1, 1}));
    EXPECT_EQ(*decode(encode(rated)), rated);
    EXPECT_EQ(rated.rates.of(2), 63);
    EXPECT_EQ(rated.rates.of(3), Rates::kFastest);
}

TEST(Generation, EveryTruncationIsRefused) {
    const Bytes bytes = encode(RandomPolicy{7}.crowded(20));
    for (std::size_t size = 0; size < bytes.size(); ++size) {
        EXPECT_FALSE(decode(wire::ByteView{bytes}.first(size)).ok()) << size;
    }
}

TEST(Generation, WhatEncodeDoesNotWriteIsRefused) {
    struct Row {
        const char* why;
        Bytes bytes;
    };
    const Row rows[] = {
        {"unknown format", {3, 0, 0, 0, 0, 0}},
        {"rates announced and none there", {2, 0, 0, 0, 0, 0, 0}},
        {"rate 0", {2, 0, 1, 1, 0, 0, 0, 0, 0}},
        {"a rate of label 0", {2, 0, 1, 0, 9, 0, 0, 0, 0}},
        {"two rates of one label", {2, 0, 2, 1, 9, 1, 9, 0, 0, 0, 0}},
        {"unknown mode", {1, 0, 0, 0, 0, 1, 0, 0x42, 1, 2}},
        {"by two of one", {1, 0, 0, 0, 0, 1, 0, 0x31, 1}},
        {"spread over nothing", {1, 0, 0, 0, 0, 1, 0, 0x10}},
        {"spread without weights", {1, 0, 0, 0, 0, 1, 0, 0x11, 1}},
        {"spread over reserves alone", {1, 0, 0, 0, 0, 1, 0, 0x11, 1, 0}},
        {"weight 16", {1, 0, 0, 0, 0, 1, 0, 0x11, 1, 16}},
        {"a weight where the rate counts", {1, 0, 0, 0, 0, 1, 0, 0x21, 1, 2}},
        {"bytes behind the last rule", {1, 0, 0, 0, 0, 0, 0}},
        {"more rules than bytes", {1, 0, 0xff, 0xff, 0xff, 0xff, 0, 0}},
        {"label 0", {1, 1, 0, 0, 0, 0, 0}},
        {"label twice", {1, 2, 1, 1, 0, 0, 0, 0}},
        {"nine labels", {1, 9, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 0, 0, 0}},
        {"prefix length 33", {1, 0, 0, 0, 0, 1, 33, 10, 0, 0, 0, 0, 0}},
        {"host bits", {1, 0, 0, 0, 0, 1, 7, 0x0b, 0}},
        {"protocol 0 written out", {1, 0, 0, 0, 0, 1, 0x40, 0, 0}},
        {"any port written out", {1, 0, 0, 0, 0, 1, 0x80, 0, 0, 0xff, 0xff, 0}},
        {"ports backwards", {1, 0, 0, 0, 0, 1, 0x80, 0, 2, 0, 1, 0}},
    };
    for (const Row& row : rows) {
        EXPECT_FALSE(decode(row.bytes).ok()) << row.why;
    }
    EXPECT_TRUE(decode(Bytes{1, 0, 0, 0, 0, 1, 7, 0x0a, 0}).ok());
}

TEST(Generation, DigestIsSha256) {
    EXPECT_EQ(to_hex(digest(Bytes{'a', 'b', 'c'})), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

}  // namespace
}  // namespace homeward::policy
