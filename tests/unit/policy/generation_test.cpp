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
        {"unknown format", {2, 0, 0, 0, 0, 0}},
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
