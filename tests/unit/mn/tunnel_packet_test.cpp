#include "tunnel/packet.h"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

namespace homeward::tunnel {
namespace {

constexpr wire::Ipv4Address kHome{0x9e840a0c};

std::uint16_t sum(const std::vector<std::uint8_t>& bytes, std::size_t first, std::size_t last,
                  std::uint32_t start = 0) {
    std::uint32_t total = start;
    for (std::size_t i = first; i < last; i += 2) {
        total += static_cast<std::uint32_t>(bytes[i] << 8) + (i + 1 < last ? bytes[i + 1] : 0U);
    }
    while (total > 0xffff) {
        total = (total & 0xffff) + (total >> 16);
    }
    return static_cast<std::uint16_t>(total);
}
void store16(std::vector<std::uint8_t>& bytes, std::size_t at, std::uint16_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<std::uint8_t>(value);
}

std::vector<std::uint8_t> ipv4(std::uint8_t protocol, std::uint8_t tos, const std::vector<std::uint8_t>& payload) {
    std::vector<std::uint8_t> bytes{0x45, tos, 0,   0,  0x12, 0x34, 0x40, 0,    64,   protocol,
                                    0,    0,   198, 51, 100,  7,    0x9e, 0x84, 0x0a, 0x0c};
    bytes.insert(bytes.end(), payload.begin(), payload.end());
    store16(bytes, 2, static_cast<std::uint16_t>(bytes.size()));
    store16(bytes, 10, static_cast<std::uint16_t>(~sum(bytes, 0, 20)));
    return bytes;
}
bool header_holds(const std::vector<std::uint8_t>& bytes) {
    return sum(bytes, 0, 20) == 0xffff;
}

std::vector<std::uint8_t> tcp(std::uint8_t flags, const std::vector<std::uint8_t>& options) {
    std::vector<std::uint8_t> segment(20, 0);
    store16(segment, 0, 40000);
    store16(segment, 2, 443);
    segment.insert(segment.end(), options.begin(), options.end());
    segment[12] = static_cast<std::uint8_t>(segment.size() / 4 << 4);
    segment[13] = flags;
    std::vector<std::uint8_t> packet = ipv4(6, 0, segment);
    const std::uint32_t pseudo = sum(packet, 12, 20) + 6U + static_cast<std::uint32_t>(segment.size());
    store16(packet, 36, static_cast<std::uint16_t>(~sum(packet, 20, packet.size(), pseudo)));
    return packet;
}
bool tcp_holds(const std::vector<std::uint8_t>& packet) {
    const std::uint32_t pseudo = sum(packet, 12, 20) + 6U + static_cast<std::uint32_t>(packet.size() - 20);
    return sum(packet, 20, packet.size(), pseudo) == 0xffff;
}

struct InnerRow {
    const char* name;
    void (*spoil)(std::vector<std::uint8_t>&);
    Inner verdict;
};
void fix(std::vector<std::uint8_t>& bytes) {
    store16(bytes, 10, 0);
    store16(bytes, 10, static_cast<std::uint16_t>(~sum(bytes, 0, 20)));
}
class InnerRows : public testing::TestWithParam<InnerRow> {};

TEST_P(InnerRows, AreJudged) {
    std::vector<std::uint8_t> bytes = ipv4(17, 0, std::vector<std::uint8_t>(16));
    GetParam().spoil(bytes);
    Packet packet{bytes};
    EXPECT_EQ(check_inner(packet, kHome), GetParam().verdict);
}

INSTANTIATE_TEST_SUITE_P(Rows, InnerRows,
                         testing::Values(InnerRow{"Good", [](auto&) {}, Inner::good},
                                         InnerRow{"PaddedBehind", [](auto& b) { b.resize(80); }, Inner::good},
                                         InnerRow{"Empty", [](auto& b) { b.clear(); }, Inner::malformed},
                                         InnerRow{"Short", [](auto& b) { b.resize(19); }, Inner::malformed},
                                         InnerRow{"Truncated", [](auto& b) { b.resize(30); }, Inner::malformed},
                                         InnerRow{"Version6",
                                                  [](auto& b) {
                                                      b[0] = 0x65;
                                                      fix(b);
                                                  },
                                                  Inner::malformed},
                                         InnerRow{"HeaderLength4",
                                                  [](auto& b) {
                                                      b[0] = 0x44;
                                                      fix(b);
                                                  },
                                                  Inner::malformed},
                                         InnerRow{"HeaderPastTotal",
                                                  [](auto& b) {
                                                      b[0] = 0x4f;
                                                      fix(b);
                                                  },
                                                  Inner::malformed},
                                         InnerRow{"TotalBelowHeader",
                                                  [](auto& b) {
                                                      store16(b, 2, 19);
                                                      fix(b);
                                                  },
                                                  Inner::malformed},
                                         InnerRow{"Checksum", [](auto& b) { b[8] ^= 1; }, Inner::bad_checksum},
                                         InnerRow{"AnotherDestination",
                                                  [](auto& b) {
                                                      b[19] ^= 1;
                                                      fix(b);
                                                  },
                                                  Inner::wrong_destination}),
                         [](const auto& row) { return row.param.name; });

TEST(CheckInner, CutsPaddingOff) {
    std::vector<std::uint8_t> bytes = ipv4(17, 0, std::vector<std::uint8_t>(16));
    bytes.resize(80);
    Packet packet{bytes};
    ASSERT_EQ(check_inner(packet, kHome), Inner::good);
    EXPECT_EQ(packet.size(), 36U);
}

// RFC 6040 figure 4; rows inner, columns outer; 9: drop.
TEST(CombineEcn, FollowsTheTable) {
    constexpr std::uint8_t kNot = 0, kEct0 = 2, kEct1 = 1, kCe = 3, kDrop = 9;
    const std::uint8_t codes[4] = {kNot, kEct0, kEct1, kCe};
    const std::uint8_t expected[4][4] = {
        {kNot, kNot, kNot, kDrop}, {kEct0, kEct0, kEct1, kCe}, {kEct1, kEct1, kEct1, kCe}, {kCe, kCe, kCe, kCe}};
    for (int inner = 0; inner < 4; ++inner) {
        for (int outer = 0; outer < 4; ++outer) {
            std::vector<std::uint8_t> bytes =
                ipv4(17, static_cast<std::uint8_t>(0xb8 | codes[inner]), std::vector<std::uint8_t>(8));
            const bool kept = combine_ecn(bytes, static_cast<std::uint8_t>(0x20 | codes[outer]));
            EXPECT_EQ(kept, expected[inner][outer] != kDrop) << inner << " " << outer;
            if (kept) {
                EXPECT_EQ(bytes[1], 0xb8 | expected[inner][outer]) << inner << " " << outer;
                EXPECT_TRUE(header_holds(bytes)) << inner << " " << outer;
            }
        }
    }
}

TEST(OuterTos, CopiesDscpAndInNormalModeEcn) {
    EXPECT_EQ(outer_tos(0xb9, false), 0xb8);
    EXPECT_EQ(outer_tos(0xb9, true), 0xb9);
}

struct MssRow {
    const char* name;
    std::uint8_t flags;
    std::vector<std::uint8_t> options;
    std::size_t at;  ///< of the MSS in the packet, 0: must not change
    std::uint16_t mss;
};
class MssRows : public testing::TestWithParam<MssRow> {};

TEST_P(MssRows, AreClamped) {
    const MssRow& row = GetParam();
    std::vector<std::uint8_t> packet = tcp(row.flags, row.options);
    const std::vector<std::uint8_t> before = packet;
    ASSERT_TRUE(tcp_holds(packet));
    EXPECT_EQ(clamp_mss(packet, 1400), row.at != 0);
    EXPECT_TRUE(tcp_holds(packet));
    if (row.at == 0) {
        EXPECT_EQ(packet, before);
    } else {
        EXPECT_EQ(packet[row.at] << 8 | packet[row.at + 1], row.mss);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Rows, MssRows,
    testing::Values(MssRow{"Syn", 2, {2, 4, 5, 0xb4}, 42, 1400}, MssRow{"SynAck", 0x12, {2, 4, 5, 0xb4}, 42, 1400},
                    MssRow{"OddOffset", 2, {1, 2, 4, 5, 0xb4, 1, 1, 0}, 43, 1400},
                    MssRow{"AfterOthers", 2, {3, 3, 7, 4, 2, 2, 4, 0x20, 0, 0, 0, 0}, 47, 1400},
                    MssRow{"SmallerStays", 2, {2, 4, 5, 0x14}, 0, 0}, MssRow{"NotSyn", 0x10, {2, 4, 5, 0xb4}, 0, 0},
                    MssRow{"NoOption", 2, {}, 0, 0}, MssRow{"EndedList", 2, {0, 2, 4, 5, 0xb4, 0, 0, 0}, 0, 0},
                    MssRow{"ZeroLength", 2, {8, 0, 2, 4}, 0, 0}, MssRow{"LengthPastEnd", 2, {8, 40, 2, 4}, 0, 0},
                    MssRow{"CutOption", 2, {1, 1, 1, 2}, 0, 0}),
    [](const auto& row) { return row.param.name; });

TEST(ClampMss, LooksOnlyAtWholeSegments) {
    std::vector<std::uint8_t> packet = tcp(2, {2, 4, 5, 0xb4});
    packet[7] = 3;  // a later fragment: these bytes are data
    EXPECT_FALSE(clamp_mss(packet, 1400));
    for (std::size_t size = 20; size < packet.size(); ++size) {
        std::vector<std::uint8_t> cut(packet.begin(), packet.begin() + static_cast<std::ptrdiff_t>(size));
        cut[7] = 0;
        EXPECT_FALSE(clamp_mss(cut, 1400)) << size;
    }
}

TEST(FlowOf, LaterFragmentsFollowTheFirst) {
    std::vector<std::uint8_t> first = ipv4(17, 0, {0x9c, 0x40, 0x13, 0x88, 0, 0, 0, 0});
    first[6] = 0x20;
    std::vector<std::uint8_t> later = ipv4(17, 0, std::vector<std::uint8_t>(8, 0xff));
    later[6] = 0;
    later[7] = 1;
    FragmentCache cache;
    EXPECT_FALSE(flow_of(later, cache).has_port);
    EXPECT_EQ(flow_of(first, cache).port, 5000);
    EXPECT_TRUE(flow_of(later, cache).has_port);
    EXPECT_EQ(flow_of(later, cache).port, 5000);
    EXPECT_EQ(flow_of(later, cache).node_port, flow_of(first, cache).node_port);
    later[4] ^= 1;  // another datagram
    EXPECT_FALSE(flow_of(later, cache).has_port);
}

TEST(FlowOf, TakesTheDestination) {
    FragmentCache cache;
    const policy::FlowKey udp = flow_of(ipv4(17, 0, {0x9c, 0x40, 0x13, 0x88, 0, 0, 0, 0}), cache);
    EXPECT_EQ(udp.correspondent, kHome);
    EXPECT_EQ(udp.protocol, 17);
    EXPECT_TRUE(udp.has_port);
    EXPECT_EQ(udp.port, 5000);
    EXPECT_EQ(udp.node_port, 40'000);
    EXPECT_FALSE(flow_of(ipv4(1, 0, std::vector<std::uint8_t>(8)), cache).has_port);
    EXPECT_FALSE(flow_of(ipv4(17, 0, {0x9c, 0x40, 0x13}), cache).has_port);
}

TEST(FlowBackOf, TakesTheSourceAndNoPortOfAFragment) {
    const std::vector<std::uint8_t> ports{0x13, 0x88, 0x9c, 0x40, 0, 0, 0, 0};
    std::vector<std::uint8_t> packet = ipv4(17, 0, ports);
    const policy::FlowKey udp = flow_back_of(packet);
    EXPECT_EQ(udp.node, kHome);
    EXPECT_EQ(udp.protocol, 17);
    EXPECT_TRUE(udp.has_port);
    EXPECT_EQ(udp.port, 5000);
    EXPECT_EQ(udp.node_port, 40'000);
    packet[6] = 0x20;  // the first of several
    EXPECT_FALSE(flow_back_of(packet).has_port);
    packet[6] = 0;
    packet[7] = 1;  // the last one
    EXPECT_FALSE(flow_back_of(packet).has_port);
    EXPECT_FALSE(flow_back_of(ipv4(1, 0, ports)).has_port);
    EXPECT_FALSE(flow_back_of(ipv4(17, 0, {0x13, 0x88, 0x9c})).has_port);
}

}  // namespace
}  // namespace homeward::tunnel
