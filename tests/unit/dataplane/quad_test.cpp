#include "pipeline/quad.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <random>
#include <vector>

#include "../../../ha-dataplane/pipeline/checksum.h"
#include "pipeline/outer_frame.h"

namespace homeward::pipeline {
namespace {

std::array<std::uint32_t, 4> words(Quad quad) {
    return {quad[0], quad[1], quad[2], quad[3]};
}

using Words = std::array<std::uint32_t, 4>;

/// Four headers whose word w of header h is 16 h + w.
struct Headers {
    Headers() {
        for (std::uint32_t h = 0; h < 4; ++h) {
            for (std::uint32_t w = 0; w < 8; ++w) {
                of[h][w] = 16 * h + w;
            }
            at[h] = reinterpret_cast<const std::uint8_t*>(of[h].data());
        }
    }
    std::array<std::array<std::uint32_t, 8>, 4> of{};
    std::array<const std::uint8_t*, kQuad> at{};
};

TEST(Quad, HasAWordOfEachHeader) {
    const Headers headers;
    const auto [a, b, c, d] = words_at(headers.at, 4);
    EXPECT_EQ(words(a), (Words{1, 17, 33, 49}));
    EXPECT_EQ(words(b), (Words{2, 18, 34, 50}));
    EXPECT_EQ(words(c), (Words{3, 19, 35, 51}));
    EXPECT_EQ(words(d), (Words{4, 20, 36, 52}));
    const auto [first, last] = two_words_at<0, 3>(headers.at, 8);
    EXPECT_EQ(words(first), (Words{2, 18, 34, 50}));
    EXPECT_EQ(words(last), (Words{5, 21, 37, 53}));
}

TEST(Quad, ReadsAndWritesNumbersOf16Bits) {
    const Quad lengths = {0x34120045, 0xffff0045, 0x00000045, 0x01000045};
    EXPECT_EQ(words(upper_number(lengths)), (Words{0x1234, 0xffff, 0, 1}));
    EXPECT_EQ(words(lower_number(Quad{0xabcd3412, 0x0100, 0xff, 0})), (Words{0x1234, 1, 0xff00, 0}));
    EXPECT_EQ(words(in_upper(Quad{0x1234, 0xffff, 0, 1})), (Words{0x34120000, 0xffff0000, 0, 0x01000000}));
    EXPECT_EQ(words(in_lower(Quad{0x1234, 0xffff, 0, 1})), (Words{0x3412, 0xffff, 0, 0x0100}));
}

TEST(Quad, ComparesWordByWord) {
    EXPECT_EQ(words(equal(Quad{1, 2, 3, 4}, Quad{1, 3, 3, 5})), (Words{~0U, 0, ~0U, 0}));
    EXPECT_EQ(words(less(Quad{1, 2, 3, 65535}, Quad{1, 3, 2, 65536})), (Words{0, ~0U, 0, ~0U}));
    EXPECT_FALSE(any(Quad{}));
    for (unsigned which = 0; which < 4; ++which) {
        Quad one{};
        one[which] = 0x80000000;
        EXPECT_TRUE(any(one)) << which;
    }
}

/// Every checksum, and TTLs with both ends.
TEST(Quad, GoesOneHopAsOneHeaderDoes) {
    for (std::uint32_t checksum = 0; checksum <= 0xffff; ++checksum) {
        Quad quad{};
        Words wanted{};
        for (unsigned i = 0; i < 4; ++i) {
            Ipv4Header ip{};
            ip.ttl = std::array<std::uint8_t, 4>{1, 2, 64, 255}[i];
            ip.protocol = std::array<std::uint8_t, 4>{255, 17, 6, 0}[i];
            ip.checksum = be16{static_cast<std::uint16_t>(checksum)};
            std::uint32_t word = 0;
            std::memcpy(&word, &ip.ttl, sizeof word);
            quad[i] = word;
            decrement_ttl(ip);
            std::memcpy(&wanted[i], &ip.ttl, sizeof word);
        }
        ASSERT_EQ(words(one_hop_less(quad)), wanted) << checksum;
    }
}

/// Four packets' outer headers at once are the four that are written one by one.
TEST(Quad, WritesOuterFramesAsOneByOne) {
    std::mt19937 random{1};
    const EthernetHeader ethernet{{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}, be16{kEtherTypeIpv4}};
    for (unsigned round = 0; round < 10000; ++round) {
        ipc::Settings settings{};
        settings.home_agent = round % 3 == 0 ? 0xffffffff : static_cast<std::uint32_t>(random());
        settings.tunnel_port = static_cast<std::uint16_t>(random());
        settings.ecn = round % 5 == 0 ? ipc::Ecn::normal : ipc::Ecn::compatibility;
        const OuterFrame outer{ethernet, settings};
        std::array<std::array<std::uint8_t, 80>, 4> alone{}, together{};
        std::array<Ipv4Header*, kQuad> inner{};
        OuterFrame::Quads quads{};
        for (unsigned i = 0; i < 4; ++i) {
            const tables::UplinkWord uplink{round % 2 == 0 ? static_cast<std::uint32_t>(random()) : 0xffffffff,
                                            static_cast<std::uint16_t>(random()), 1, true};
            const auto tos = static_cast<std::uint8_t>(random());
            const auto length = static_cast<std::uint16_t>(52 + random() % 65000);
            outer.write<true>(alone[i].data(), {.tos = tos, .length = length, .uplink = uplink});
            inner[i] = reinterpret_cast<Ipv4Header*>(together[i].data() + OuterFrame::kSize);
            quads.beginning[i] = 0x45U | std::uint32_t{tos} << 8 | 0xabcd0000;
            quads.length[i] = length;
            quads.care_of[i] = static_cast<std::uint32_t>(uplink.bits() >> 32);
            quads.port[i] = static_cast<std::uint32_t>(uplink.bits()) & 0xffff0000;
        }
        outer.write(inner, quads);
        ASSERT_EQ(together, alone) << round;
    }
}

}  // namespace
}  // namespace homeward::pipeline
