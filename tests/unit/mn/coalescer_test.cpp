#include "tunnel/coalescer.h"

#include <gtest/gtest.h>

#include <cstring>
#include <random>
#include <string>

#include "offload_packets.h"
#include "tunnel/segmenter.h"

namespace homeward::tunnel {
namespace {

/// One write to the TUN.
struct Write {
    OffloadHeader offload;
    Bytes packet;
};

/// Everything that comes out of `packets`, which are changed.
std::vector<Write> joined(std::vector<Bytes>& packets, bool joins = true) {
    Coalescer coalescer{joins};
    std::vector<Write> writes;
    const auto write_all = [&] {
        for (std::size_t i = 0; i < coalescer.trains(); ++i) {
            const auto pieces = coalescer.finish(i);
            EXPECT_EQ(pieces.size(), coalescer.packets(i) + 1);
            Write& write = writes.emplace_back();
            std::memcpy(&write.offload, pieces[0].iov_base, sizeof write.offload);
            for (const iovec& piece : pieces.subspan(1)) {
                const auto* bytes = static_cast<const std::uint8_t*>(piece.iov_base);
                write.packet.insert(write.packet.end(), bytes, bytes + piece.iov_len);
            }
        }
        coalescer.clear();
    };
    for (Bytes& packet : packets) {
        if (!coalescer.add(packet)) {
            write_all();
            EXPECT_TRUE(coalescer.add(packet));
        }
    }
    write_all();
    return writes;
}

/// What the kernel makes of a write: cut again where it is a train.
std::vector<Bytes> cut_again(const Write& write) {
    Segmenter segmenter;
    EXPECT_TRUE(segmenter.begin(write.offload, write.packet));
    std::vector<Bytes> result;
    Bytes out(65536);
    while (const std::size_t size = segmenter.next(out.data())) {
        result.emplace_back(out.begin(), out.begin() + static_cast<std::ptrdiff_t>(size));
    }
    return result;
}

/// Two segments of one flow, each with 1000 bytes, the second as `change` leaves it.
struct JoinRow {
    const char* name;
    void (*change)(PacketSpec& first, PacketSpec& second);
    bool together;
};
class JoinRows : public testing::TestWithParam<JoinRow> {};

TEST_P(JoinRows, AreJoinedOnlyWhereNobodyCanTell) {
    PacketSpec first;
    first.payload = payload(1000);
    PacketSpec second = first;
    second.sequence += 1000;
    ++second.identification;
    second.payload = payload(1000, 5);
    GetParam().change(first, second);
    const std::vector<Bytes> packets{make_packet(first), make_packet(second)};
    std::vector<Bytes> work = packets;
    const std::vector<Write> writes = joined(work);
    ASSERT_EQ(writes.size(), GetParam().together ? 1U : 2U);
    std::vector<Bytes> result;
    for (const Write& write : writes) {
        for (Bytes& packet : cut_again(write)) {
            result.push_back(std::move(packet));
        }
    }
    EXPECT_EQ(result, packets);
}

const Bytes kTimestamps{1, 1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8};
using Spec = PacketSpec;

INSTANTIATE_TEST_SUITE_P(
    Rows, JoinRows,
    testing::Values(
        JoinRow{"Consecutive", [](Spec&, Spec&) {}, true},
        JoinRow{"OddLast", [](Spec&, Spec& b) { b.payload.resize(333); }, true},
        JoinRow{"Push", [](Spec&, Spec& b) { b.flags = 0x18; }, true},
        JoinRow{"Fin", [](Spec&, Spec& b) { b.flags = 0x11; }, true},
        JoinRow{"PushBefore", [](Spec& a, Spec&) { a.flags = 0x18; }, false},
        JoinRow{"FinBefore", [](Spec& a, Spec&) { a.flags = 0x11; }, false},
        JoinRow{"EchoOnBoth", [](Spec& a, Spec& b) { a.flags = b.flags = 0x50; }, true},
        JoinRow{"EchoOnOne", [](Spec&, Spec& b) { b.flags = 0x50; }, false},
        JoinRow{"CwrBefore", [](Spec& a, Spec&) { a.flags = 0x90; }, false},
        JoinRow{"Cwr", [](Spec&, Spec& b) { b.flags = 0x90; }, false},
        JoinRow{"Syn", [](Spec&, Spec& b) { b.flags = 0x12; }, false},
        JoinRow{"Rst", [](Spec&, Spec& b) { b.flags = 0x14; }, false},
        JoinRow{"Urg", [](Spec&, Spec& b) { b.flags = 0x30; }, false},
        JoinRow{"NoAck", [](Spec& a, Spec& b) { a.flags = b.flags = 0; }, false},
        JoinRow{"LargerSecond", [](Spec&, Spec& b) { b.payload = payload(1001); }, false},
        JoinRow{"NoPayload", [](Spec&, Spec& b) { b.payload.clear(); }, false},
        JoinRow{"NoPayloadBefore",
                [](Spec& a, Spec& b) {
                    a.payload.clear();
                    b.sequence = a.sequence;
                },
                false},
        JoinRow{"Gap", [](Spec&, Spec& b) { ++b.sequence; }, false},
        JoinRow{"OutOfOrder", [](Spec& a, Spec& b) { std::swap(a.sequence, b.sequence); }, false},
        JoinRow{"Repeated", [](Spec& a, Spec& b) { b.sequence = a.sequence; }, false},
        JoinRow{"SequenceWraps",
                [](Spec& a, Spec& b) {
                    a.sequence = 0xfffffe00;
                    b.sequence = a.sequence + 1000;
                },
                true},
        JoinRow{"Acknowledgement", [](Spec&, Spec& b) { ++b.acknowledgement; }, false},
        JoinRow{"Window", [](Spec&, Spec& b) { ++b.window; }, false},
        JoinRow{"SameOptions", [](Spec& a, Spec& b) { a.options = b.options = kTimestamps; }, true},
        JoinRow{"OtherOptions",
                [](Spec& a, Spec& b) {
                    a.options = b.options = kTimestamps;
                    ++b.options[7];
                },
                false},
        JoinRow{"OptionsOnOne", [](Spec&, Spec& b) { b.options = {1, 1, 1, 1}; }, false},
        JoinRow{"EcnMark", [](Spec& a, Spec& b) { a.tos = 2, b.tos = 3; }, false},
        JoinRow{"Marked", [](Spec& a, Spec& b) { a.tos = b.tos = 3; }, true},
        JoinRow{"Dscp", [](Spec&, Spec& b) { b.tos = 0xb8; }, false},
        JoinRow{"Ttl", [](Spec&, Spec& b) { --b.ttl; }, false},
        JoinRow{"DontFragmentOnOne", [](Spec&, Spec& b) { b.dont_fragment = false; }, false},
        JoinRow{"Counted", [](Spec& a, Spec& b) { a.dont_fragment = b.dont_fragment = false; }, true},
        JoinRow{"NotCounted",
                [](Spec& a, Spec& b) {
                    a.dont_fragment = b.dont_fragment = false;
                    ++b.identification;
                },
                false},
        JoinRow{"CountedAcrossZero",
                [](Spec& a, Spec& b) {
                    a.dont_fragment = b.dont_fragment = false;
                    a.identification = 0xffff;
                    b.identification = 0;
                },
                true},
        JoinRow{"OtherPort", [](Spec&, Spec& b) { ++b.ports; }, false},
        JoinRow{"OtherSource", [](Spec&, Spec& b) { ++b.source; }, false},
        JoinRow{"IpOptions", [](Spec& a, Spec& b) { a.ip_options = b.ip_options = {1, 1, 1, 0}; }, false},
        JoinRow{"Udp", [](Spec& a, Spec& b) { a.protocol = b.protocol = 17; }, false}),
    [](const auto& row) { return std::string(row.param.name); });

PacketSpec segment(std::uint32_t number, std::size_t size = 1000) {
    PacketSpec spec;
    spec.sequence += number * 1000;
    spec.identification = static_cast<std::uint16_t>(spec.identification + number);
    spec.payload = payload(size, number);
    return spec;
}

TEST(Coalescer, IdentificationsUnderDontFragmentMayBeAnything) {
    PacketSpec second = segment(1);
    second.identification = 7;
    std::vector<Bytes> packets{make_packet(segment(0)), make_packet(second)};
    EXPECT_EQ(joined(packets).size(), 1U);
}

TEST(Coalescer, ATrainEndsAtAShortSegment) {
    std::vector<Bytes> packets{make_packet(segment(0)), make_packet(segment(1, 500))};
    PacketSpec third = segment(2);
    third.sequence = segment(1).sequence + 500;
    packets.push_back(make_packet(third));
    const std::vector<Write> writes = joined(packets);
    ASSERT_EQ(writes.size(), 2U);
    EXPECT_EQ(writes[0].packet.size(), 40U + 1500);
}

TEST(Coalescer, NothingOvertakesWithinAFlow) {
    // The pure acknowledgement in the middle must stay there.
    PacketSpec acknowledgement = segment(1, 0);
    acknowledgement.acknowledgement += 9;
    std::vector<Bytes> packets{make_packet(segment(0)), make_packet(acknowledgement), make_packet(segment(1))};
    const std::vector<Bytes> before = packets;
    const std::vector<Write> writes = joined(packets);
    ASSERT_EQ(writes.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(writes[i].packet, before[i]);
        EXPECT_EQ(writes[i].offload.flags, 0);
    }
}

TEST(Coalescer, FlowsAreJoinedSideBySide) {
    std::vector<Bytes> packets;
    for (std::uint32_t i = 0; i < 10; ++i) {
        for (std::uint32_t flow = 0; flow < 3; ++flow) {
            PacketSpec spec = segment(i);
            spec.ports += flow;
            packets.push_back(make_packet(spec));
        }
    }
    const std::vector<Write> writes = joined(packets);
    ASSERT_EQ(writes.size(), 3U);
    for (const Write& write : writes) {
        EXPECT_EQ(write.packet.size(), 40U + 10'000);
    }
}

TEST(Coalescer, ABadChecksumIsNotLaundered) {
    for (const std::size_t bad : {0U, 1U, 2U}) {
        std::vector<Bytes> packets{make_packet(segment(0)), make_packet(segment(1)), make_packet(segment(2))};
        packets[bad].back() ^= 1U;
        const Bytes before = packets[bad];
        std::size_t alone = 0;
        for (const Write& write : joined(packets)) {
            alone += write.offload.flags == 0 && write.packet == before ? 1U : 0U;
        }
        EXPECT_EQ(alone, 1U) << bad;
    }
}

TEST(Coalescer, ATrainIsNoLargerThanAnIpv4Packet) {
    std::vector<Bytes> packets;
    for (std::uint32_t i = 0; i < 200; ++i) {
        PacketSpec spec = segment(0, 1428);
        spec.sequence += i * 1428;
        packets.push_back(make_packet(spec));
    }
    std::size_t payload = 0;
    for (const Write& write : joined(packets)) {
        EXPECT_LE(write.packet.size(), 65535U);
        payload += write.packet.size() - 40;
    }
    EXPECT_EQ(payload, 200U * 1428);
}

TEST(Coalescer, TinySegmentsFillATrainToo) {
    std::vector<Bytes> packets;
    for (std::uint32_t i = 0; i < 2 * Coalescer::kMostPackets; ++i) {
        PacketSpec spec = segment(0, 10);
        spec.sequence += i * 10;
        packets.push_back(make_packet(spec));
    }
    EXPECT_EQ(joined(packets).size(), 2U);
}

TEST(Coalescer, WithoutOffloadEveryPacketIsAlone) {
    std::vector<Bytes> packets{make_packet(segment(0)), make_packet(segment(1))};
    const std::vector<Bytes> before = packets;
    const std::vector<Write> writes = joined(packets, false);
    ASSERT_EQ(writes.size(), 2U);
    EXPECT_EQ(writes[0].packet, before[0]);
    EXPECT_EQ(writes[1].packet, before[1]);
}

TEST(Coalescer, WhatIsNoTcpAtAllIsLeftAlone) {
    std::vector<Bytes> packets;
    for (const std::size_t size : {20U, 24U, 39U}) {
        Bytes stump = make_packet(segment(0));
        stump.resize(size);
        packets.push_back(stump);
    }
    Bytes fragment = make_packet(segment(0));
    fragment[6] = 0x20;
    packets.push_back(fragment);
    Bytes short_header = make_packet(segment(0));
    short_header[32] = 0x40;
    packets.push_back(short_header);
    const std::vector<Bytes> before = packets;
    const std::vector<Write> writes = joined(packets);
    ASSERT_EQ(writes.size(), before.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
        EXPECT_EQ(writes[i].packet, before[i]);
    }
}

/// Packets that a network made of several flows: some lost, some swapped, some marked, some with push.
std::vector<Bytes> traffic(std::mt19937& random) {
    constexpr std::size_t kFlows = 4;
    std::uint32_t sequence[kFlows] = {1, 1U << 31, 0xffffff00, 5};
    std::uint16_t identification[kFlows] = {};
    std::vector<Bytes> packets;
    for (int i = 0; i < 150; ++i) {
        const std::size_t flow = random() % kFlows;
        PacketSpec spec;
        spec.protocol = random() % 30 == 0 ? 17 : 6;
        spec.ports += static_cast<std::uint32_t>(flow);
        spec.dont_fragment = flow != 1;
        spec.identification = ++identification[flow];
        spec.sequence = sequence[flow];
        spec.options = flow == 2 ? kTimestamps : Bytes{};
        spec.flags = random() % 10 == 0 ? 0x18 : 0x10;
        spec.tos = random() % 20 == 0 ? 3 : 2;
        spec.payload = payload(random() % 8 == 0 ? random() % 1400 : 1400, random());
        sequence[flow] += static_cast<std::uint32_t>(spec.payload.size());
        if (random() % 20 != 0) {
            packets.push_back(make_packet(spec));
        }
        if (random() % 20 == 0 && packets.size() > 1) {
            std::swap(packets.back(), packets[packets.size() - 2]);
        }
    }
    return packets;
}

std::vector<Bytes> of_flow(const std::vector<Bytes>& packets, std::uint32_t ports) {
    std::vector<Bytes> result;
    for (Bytes packet : packets) {
        if (load32(packet, ip_length(packet)) == ports && packet[9] == 6) {
            if ((packet[6] & 0x40) != 0) {
                store16(packet, 4, 0);  // means nothing under DF
                complete(packet);
            }
            result.push_back(std::move(packet));
        }
    }
    return result;
}

TEST(Coalescer, RandomTrafficComesOutAsItWentInFlowByFlow) {
    std::mt19937 random(11);  // NOLINT(cert-msc51-cpp)
    std::size_t writes = 0;
    std::size_t count = 0;
    for (int round = 0; round < 200; ++round) {
        std::vector<Bytes> packets = traffic(random);
        const std::vector<Bytes> before = packets;
        std::vector<Bytes> after;
        for (const Write& write : joined(packets)) {
            ++writes;
            for (Bytes& packet : cut_again(write)) {
                after.push_back(std::move(packet));
            }
        }
        count += before.size();
        ASSERT_EQ(after.size(), before.size());
        for (std::uint32_t flow = 0; flow < 4; ++flow) {
            ASSERT_EQ(of_flow(after, PacketSpec{}.ports + flow), of_flow(before, PacketSpec{}.ports + flow)) << round;
        }
    }
    EXPECT_LT(writes * 2, count) << "the premise: much is joined";
}

}  // namespace
}  // namespace homeward::tunnel
