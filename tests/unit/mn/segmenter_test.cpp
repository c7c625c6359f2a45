#include "tunnel/segmenter.h"

#include <gtest/gtest.h>

#include <random>
#include <string>

#include "offload_packets.h"
#include "tunnel/checksum.h"

namespace homeward::tunnel {
namespace {

OffloadHeader cut(const Bytes& packet, std::uint16_t segment) {
    OffloadHeader offload;
    offload.flags = OffloadHeader::kNeedsChecksum;
    offload.kind = packet[9] == 6 ? OffloadHeader::kTcp4 : OffloadHeader::kUdp;
    offload.header_length = static_cast<std::uint16_t>(headers_of(packet));
    offload.segment_size = segment;
    offload.checksum_start = static_cast<std::uint16_t>(ip_length(packet));
    offload.checksum_offset = static_cast<std::uint16_t>(checksum_of(packet) - ip_length(packet));
    return offload;
}

/// As the kernel hands a packet over: with the sum of the pseudo header where the checksum belongs.
Bytes unfinished(Bytes packet) {
    store16(packet, checksum_of(packet), slow_sum(packet, 0, 0, pseudo_sum(packet)));
    return packet;
}

std::vector<Bytes> segments(const OffloadHeader& offload, const Bytes& packet) {
    Segmenter segmenter;
    if (!segmenter.begin(offload, packet)) {
        return {};
    }
    std::vector<Bytes> result;
    Bytes out(65536);
    std::size_t bytes = 0;
    while (const std::size_t size = segmenter.next(out.data())) {
        result.emplace_back(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size));
        bytes += size;
    }
    EXPECT_EQ(result.size(), segmenter.count());
    EXPECT_EQ(bytes, segmenter.bytes());
    return result;
}

/// The same by the book: each segment is made from nothing.
std::vector<Bytes> naive(const PacketSpec& spec, std::size_t segment) {
    std::vector<Bytes> result;
    std::size_t at = 0;
    do {
        PacketSpec one = spec;
        const std::size_t length = std::min(segment, spec.payload.size() - at);
        one.payload.assign(spec.payload.begin() + static_cast<std::ptrdiff_t>(at),
                           spec.payload.begin() + static_cast<std::ptrdiff_t>(at + length));
        one.identification = static_cast<std::uint16_t>(spec.identification + result.size());
        one.sequence = spec.sequence + static_cast<std::uint32_t>(at);
        if (at != 0) {
            one.flags &= 0x7f;
        }
        at += length;
        if (at != spec.payload.size()) {
            one.flags &= 0xf6;
        }
        result.push_back(make_packet(one));
    } while (at < spec.payload.size());
    return result;
}

struct CutRow {
    const char* name;
    PacketSpec spec;
    std::uint16_t segment;
    std::size_t count;
};
PacketSpec spec_of(std::size_t size, std::uint8_t flags = 0x10, std::uint8_t protocol = 6) {
    PacketSpec spec;
    spec.payload = payload(size);
    spec.flags = flags;
    spec.protocol = protocol;
    return spec;
}
template <class Change>
PacketSpec with(PacketSpec spec, Change change) {
    change(spec);
    return spec;
}

class CutRows : public testing::TestWithParam<CutRow> {};

TEST_P(CutRows, GiveWhatTheKernelWouldSend) {
    const CutRow& row = GetParam();
    const Bytes whole = unfinished(make_packet(row.spec));
    const std::vector<Bytes> result = segments(cut(whole, row.segment), whole);
    EXPECT_EQ(result.size(), row.count);
    EXPECT_EQ(result, naive(row.spec, row.segment));
}

const Bytes kTimestamps{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};

INSTANTIATE_TEST_SUITE_P(
    Rows, CutRows,
    testing::Values(CutRow{"EqualSegments", spec_of(4000), 1000, 4}, CutRow{"OddLastSegment", spec_of(3333), 1000, 4},
                    CutRow{"OddSegments", spec_of(2500), 833, 4}, CutRow{"LastOfOneByte", spec_of(2001), 1000, 3},
                    CutRow{"OneSegment", spec_of(700), 1000, 1}, CutRow{"NoPayload", spec_of(0), 1000, 1},
                    CutRow{"Largest", with(spec_of(65495), [](auto& s) { s.sequence = 0xffff0000; }), 1428, 46},
                    CutRow{"PushAndFin", spec_of(3000, 0x19), 1000, 3}, CutRow{"Cwr", spec_of(3000, 0x90), 1000, 3},
                    CutRow{"EchoOnAll", spec_of(3000, 0x50), 1000, 3}, CutRow{"AllFlags", spec_of(3000, 0xd9), 1000, 3},
                    CutRow{"Ecn", with(spec_of(3000), [](auto& s) { s.tos = 0xb9; }), 1000, 3},
                    CutRow{"Options", with(spec_of(3000), [](auto& s) { s.options = kTimestamps; }), 1000, 3},
                    CutRow{"IpOptions",
                           with(spec_of(3000),
                                [](auto& s) {
                                    s.ip_options = {1, 1, 1, 0};
                                }),
                           1000, 3},
                    CutRow{"IdentificationWraps", with(spec_of(3000), [](auto& s) { s.identification = 0xffff; }), 1000,
                           3},
                    CutRow{"SequenceWraps", with(spec_of(3000), [](auto& s) { s.sequence = 0xfffffc00; }), 1000, 3},
                    CutRow{"Udp", spec_of(3500, 0, 17), 1200, 3}, CutRow{"UdpOdd", spec_of(2401, 0, 17), 1200, 3},
                    CutRow{"UdpIpOptions",
                           with(spec_of(2401, 0, 17),
                                [](auto& s) {
                                    s.ip_options = {1, 1, 1, 0};
                                }),
                           1200, 3}),
    [](const auto& row) { return std::string(row.param.name); });

struct RefusedRow {
    const char* name;
    void (*spoil)(Bytes& packet, OffloadHeader& offload);
};
class RefusedRows : public testing::TestWithParam<RefusedRow> {};

TEST_P(RefusedRows, AreRefused) {
    Bytes packet = make_packet(spec_of(3000));
    OffloadHeader offload = cut(packet, 1000);
    ASSERT_EQ(segments(offload, packet).size(), 3U);
    GetParam().spoil(packet, offload);
    EXPECT_TRUE(segments(offload, packet).empty());
}

INSTANTIATE_TEST_SUITE_P(
    Rows, RefusedRows,
    testing::Values(RefusedRow{"Ipv6", [](Bytes&, OffloadHeader& o) { o.kind = 4; }},
                    RefusedRow{"OldUdp", [](Bytes&, OffloadHeader& o) { o.kind = 3; }},
                    RefusedRow{"UdpThatIsTcp", [](Bytes&, OffloadHeader& o) { o.kind = OffloadHeader::kUdp; }},
                    RefusedRow{"NoSegmentSize", [](Bytes&, OffloadHeader& o) { o.segment_size = 0; }},
                    RefusedRow{"TooManySegments", [](Bytes&, OffloadHeader& o) { o.segment_size = 1; }},
                    RefusedRow{"Fragment", [](Bytes& p, OffloadHeader&) { p[6] = 0x20; }},
                    RefusedRow{"ShortIpHeader", [](Bytes& p, OffloadHeader&) { p[0] = 0x44; }},
                    RefusedRow{"ShortTcpHeader", [](Bytes& p, OffloadHeader&) { p[32] = 0x40; }},
                    RefusedRow{"TcpHeaderBehindEnd",
                               [](Bytes& p, OffloadHeader&) {
                                   p.resize(44);
                                   p[32] = 0xf0;
                               }},
                    RefusedRow{"CutOffTcpHeader", [](Bytes& p, OffloadHeader&) { p.resize(39); }},
                    RefusedRow{"ChecksumBehindEnd",
                               [](Bytes& p, OffloadHeader& o) {
                                   o.kind = OffloadHeader::kWhole;
                                   o.checksum_start = static_cast<std::uint16_t>(p.size() - 1);
                               }},
                    RefusedRow{"ChecksumWithinIpHeader",
                               [](Bytes&, OffloadHeader& o) {
                                   o.kind = OffloadHeader::kWhole;
                                   o.checksum_start = 0;
                               }}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(Segmenter, LeavesAFinishedPacketAlone) {
    Bytes packet = make_packet(spec_of(901));
    packet[checksum_of(packet)] ^= 1U;  // a wrong checksum is the receiver's business
    EXPECT_EQ(segments({}, packet), std::vector<Bytes>{packet});
}

TEST(Segmenter, FinishesAChecksum) {
    for (const std::uint8_t protocol : {std::uint8_t{6}, std::uint8_t{17}}) {
        for (const std::size_t size : {0U, 1U, 2U, 3U, 31U, 32U, 33U, 1399U}) {
            const Bytes packet = make_packet(spec_of(size, 0x18, protocol));
            OffloadHeader offload = cut(packet, 0);
            offload.kind = OffloadHeader::kWhole;
            EXPECT_EQ(segments(offload, unfinished(packet)), std::vector<Bytes>{packet}) << size;
        }
    }
}

TEST(Segmenter, AChecksumOfZeroIsSentAsItsTwin) {
    PacketSpec spec = spec_of(2, 0, 17);
    spec.payload = {0, 0};
    const Bytes before = make_packet(spec);
    const std::uint32_t checksum = load16(before, checksum_of(before));
    spec.payload = {static_cast<std::uint8_t>(checksum >> 8), static_cast<std::uint8_t>(checksum)};
    const Bytes packet = make_packet(spec);
    ASSERT_EQ(load16(packet, checksum_of(packet)), 0xffffU) << "the premise: its sum is 0xffff";
    OffloadHeader offload = cut(packet, 0);
    offload.kind = OffloadHeader::kWhole;
    EXPECT_EQ(segments(offload, unfinished(packet)), std::vector<Bytes>{packet});
    EXPECT_EQ(segments(cut(packet, 1200), unfinished(packet)), std::vector<Bytes>{packet});
}

TEST(Checksum, IsThatOfTheBookAtEveryLength) {
    std::mt19937 random(7);  // NOLINT(cert-msc51-cpp): the same numbers every time
    for (std::size_t size = 0; size < 300; ++size) {
        Bytes bytes(size);
        for (std::uint8_t& byte : bytes) {
            byte = random() % 3 == 0 ? 0xff : static_cast<std::uint8_t>(random());
        }
        EXPECT_EQ(checksum_sum(bytes), slow_sum(bytes, 0, size)) << size;
    }
    const Bytes ones(65535, 0xff);
    EXPECT_EQ(checksum_sum(ones), slow_sum(ones, 0, ones.size()));
}

TEST(Segmenter, CutsRandomPacketsAsTheNaiveOneDoes) {
    std::mt19937 random(4);  // NOLINT(cert-msc51-cpp)
    for (int i = 0; i < 3000; ++i) {
        PacketSpec spec = spec_of(random() % (i % 20 == 0 ? 60000 : 6000), static_cast<std::uint8_t>(random()),
                                  random() % 3 == 0 ? 17 : 6);
        spec.tos = static_cast<std::uint8_t>(random());
        spec.identification = static_cast<std::uint16_t>(random());
        spec.sequence = static_cast<std::uint32_t>(random());
        spec.dont_fragment = random() % 2 == 0;
        spec.options = payload(random() % 11 * 4, random());
        spec.ip_options = payload(random() % 4 * 4, random());
        const auto segment = static_cast<std::uint16_t>(40 + random() % 1400);
        const Bytes whole = unfinished(make_packet(spec));
        ASSERT_EQ(segments(cut(whole, segment), whole), naive(spec, segment)) << i;
    }
}

}  // namespace
}  // namespace homeward::tunnel
