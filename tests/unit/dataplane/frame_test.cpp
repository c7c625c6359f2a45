#include "mailbox/frame.h"

#include <gtest/gtest.h>

#include <cstring>

namespace homeward::mailbox {
namespace {

template <class T>
T at(const wire::Bytes& packet, std::size_t offset) {
    T value;
    EXPECT_LE(offset + sizeof value, packet.size());
    std::memcpy(&value, packet.data() + offset, sizeof value);
    return value;
}

wire::Bytes header(std::uint32_t magic, std::uint16_t version, std::size_t size = sizeof(ipc::Header)) {
    const ipc::Header value{.magic = magic, .version = version, .type = ipc::Type::sync_begin, .sequence = 7};
    wire::Bytes packet(size);
    std::memcpy(packet.data(), &value, std::min(size, sizeof value));
    return packet;
}

TEST(Frame, ReadsOnlyOurOwnHeaders) {
    struct Row {
        wire::Bytes packet;
        const char* error;  ///< empty: read
    };
    const Row rows[] = {
        {header(ipc::kMagic, ipc::kVersion), ""},
        {header(ipc::kMagic, ipc::kVersion, ipc::kMaxMessage), ""},
        {header(ipc::kMagic, ipc::kVersion, ipc::kMaxMessage + 1),
         "control sent a packet of 61441 bytes: not our protocol"},
        {header(ipc::kMagic, ipc::kVersion, sizeof(ipc::Header) - 1),
         "control sent a packet of 23 bytes: not our protocol"},
        {{}, "control sent a packet of 0 bytes: not our protocol"},
        {header(1, ipc::kVersion), "the socket's other end is no homeward-control (magic 0x1)"},
        {header(ipc::kMagic, 9), "homeward-control speaks version 9, this data plane 1: install one release of both"},
    };
    for (const Row& row : rows) {
        const auto read = read_header(row.packet);
        EXPECT_EQ(read ? "" : read.error().text, row.error);
        if (read) {
            EXPECT_EQ(read->sequence, 7U);
        }
    }
}

TEST(Frame, WritesWhatItReads) {
    const wire::Bytes hello = hello_packet({.pid = 11, .workers = 2});
    ASSERT_EQ(hello.size(), sizeof(ipc::Header) + sizeof(ipc::Hello));
    EXPECT_EQ(read_header(hello)->type, ipc::Type::hello);
    EXPECT_EQ(at<ipc::Hello>(hello, sizeof(ipc::Header)).pid, 11U);

    const wire::Bytes ack = ack_packet(42);
    ASSERT_EQ(ack.size(), sizeof(ipc::Header));
    EXPECT_EQ(read_header(ack)->sequence, 42U);
    EXPECT_EQ(read_header(ack)->count, 0U);
}

TEST(Frame, CutsAReasonThatIsTooLong) {
    const wire::Bytes packet = refused_packet(3, std::string(500, 'x'));
    const auto record = at<ipc::Refused>(packet, sizeof(ipc::Header));
    EXPECT_EQ(std::strlen(record.reason.data()), record.reason.size() - 1);
    EXPECT_EQ(read_header(packet)->count, 1U);
}

TEST(Frame, SplitsCountersOverPackets) {
    constexpr std::size_t kPerPacket = (ipc::kMaxMessage - sizeof(ipc::Header)) / sizeof(ipc::Counter);
    for (const std::size_t count : {std::size_t{0}, std::size_t{1}, kPerPacket, kPerPacket + 1, 2 * kPerPacket}) {
        CounterList counters;
        for (std::size_t i = 0; i < count; ++i) {
            counters.emplace_back("drop." + std::to_string(i), i);
        }
        const auto packets = counters_packets(5, counters);
        std::size_t seen = 0;
        for (const wire::Bytes& packet : packets) {
            const auto head = read_header(packet);
            ASSERT_TRUE(head);
            EXPECT_EQ(head->sequence, 5U);
            EXPECT_EQ(head->more != 0, &packet != &packets.back());
            ASSERT_EQ(packet.size(), sizeof(ipc::Header) + head->count * sizeof(ipc::Counter));
            for (std::size_t i = 0; i < head->count; ++i, ++seen) {
                const auto record = at<ipc::Counter>(packet, sizeof(ipc::Header) + i * sizeof(ipc::Counter));
                ASSERT_EQ(counters[seen].first, record.name.data());
                ASSERT_EQ(record.value, seen);
            }
        }
        EXPECT_EQ(seen, count);
    }
}

}  // namespace
}  // namespace homeward::mailbox
