#include "tunnel/send_batch.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <cstring>
#include <string>
#include <vector>

namespace homeward::tunnel {
namespace {

struct Put {
    std::size_t size;
    std::uint8_t tos = 0;
};
void fill(SendBatch& batch, const std::vector<Put>& packets) {
    for (std::size_t i = 0; i < packets.size(); ++i) {
        std::memset(batch.room(), static_cast<int>(i), packets[i].size);
        batch.push(packets[i].size, packets[i].tos);
    }
}

/// A message as the kernel is told about it: bytes, size of the segments (0: one datagram), TOS.
struct Message {
    std::size_t bytes = 0;
    std::size_t segment = 0;
    int tos = 0;
    bool operator==(const Message&) const = default;
};
Message read(const msghdr& header) {
    Message message{.bytes = header.msg_iov->iov_len};
    msghdr copy = header;
    for (cmsghdr* control = CMSG_FIRSTHDR(&copy); control != nullptr; control = CMSG_NXTHDR(&copy, control)) {
        if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS) {
            std::memcpy(&message.tos, CMSG_DATA(control), sizeof message.tos);
        } else {
            EXPECT_EQ(control->cmsg_level, IPPROTO_UDP);
            std::uint16_t size = 0;
            std::memcpy(&size, CMSG_DATA(control), sizeof size);
            message.segment = size;
        }
    }
    return message;
}
std::vector<Message> messages(SendBatch& batch) {
    std::vector<Message> result;
    const unsigned count = batch.lay_out();
    for (unsigned i = 0; i < count; ++i) {
        result.push_back(read(batch.messages()[i].msg_hdr));
    }
    return result;
}

struct TrainRow {
    const char* name;
    std::vector<Put> packets;
    std::vector<Message> messages;
};
class TrainRows : public testing::TestWithParam<TrainRow> {};

TEST_P(TrainRows, AreLaidOut) {
    SendBatch batch;
    batch.set_trains(true);
    fill(batch, GetParam().packets);
    EXPECT_EQ(messages(batch), GetParam().messages);
    std::size_t bytes = 0;
    for (const Put& packet : GetParam().packets) {
        bytes += packet.size;
    }
    const SendBatch::Amount amount = batch.sent(GetParam().messages.size());
    EXPECT_EQ(amount.packets, GetParam().packets.size());
    EXPECT_EQ(amount.bytes, bytes);
    EXPECT_TRUE(batch.empty());
}

INSTANTIATE_TEST_SUITE_P(
    Rows, TrainRows,
    testing::Values(TrainRow{"One", {{100}}, {{104, 0, 0}}}, TrainRow{"Equal", {{100}, {100}, {100}}, {{312, 104, 0}}},
                    TrainRow{"LastShorter", {{100}, {100}, {60}}, {{272, 104, 0}}},
                    TrainRow{"ShorterEnds", {{100}, {60}, {60}}, {{168, 104, 0}, {64, 0, 0}}},
                    TrainRow{"LongerBegins", {{60}, {100}, {100}}, {{64, 0, 0}, {208, 104, 0}}},
                    TrainRow{"Tos", {{100, 8}, {100, 8}, {100}}, {{208, 104, 8}, {104, 0, 0}}},
                    TrainRow{"SegmentsOfAKernel", std::vector<Put>(65, Put{20}), {{1536, 24, 0}, {24, 0, 0}}},
                    TrainRow{"LargestDatagram",
                             std::vector<Put>(45, Put{1468}),
                             {{std::size_t{44} * 1472, 1472, 0}, {1472, 0, 0}}}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(SendBatch, WithoutTrainsEveryPacketIsAMessage) {
    SendBatch batch;
    fill(batch, {{100}, {100}});
    EXPECT_EQ(messages(batch), (std::vector<Message>{{104, 0, 0}, {104, 0, 0}}));
}

TEST(SendBatch, PartlySentGoesOnWithTheRest) {
    SendBatch batch;
    batch.set_trains(true);
    fill(batch, {{100}, {100}, {200}, {50}});
    EXPECT_EQ(messages(batch).size(), 2U);
    EXPECT_EQ(batch.sent(1).packets, 2U);
    EXPECT_EQ(messages(batch), (std::vector<Message>{{258, 204, 0}}));
    EXPECT_EQ(batch.first().size(), 200U);
    EXPECT_EQ(batch.first()[0], 2);
}

TEST(SendBatch, ABrokenTrainGoesAloneAndTheNextDoesNot) {
    SendBatch batch;
    batch.set_trains(true);
    fill(batch, {{100, 4}, {100, 4}, {90}, {90}});
    batch.lay_out();
    EXPECT_TRUE(batch.break_first());
    EXPECT_EQ(messages(batch), (std::vector<Message>{{104, 0, 4}, {104, 0, 4}, {188, 94, 0}}));
    EXPECT_FALSE(batch.break_first()) << "it is one packet already";
    EXPECT_EQ(read(*batch.first_alone()), (Message{104, 0, 4}));
    batch.skip_first();
    EXPECT_EQ(batch.first()[0], 1);
    batch.clear();
    fill(batch, {{100}, {100}});
    EXPECT_EQ(messages(batch).size(), 1U) << "forgotten with the packets it was about";
}

TEST(SendBatch, EveryPacketHasItsTunnelHeader) {
    SendBatch batch;
    batch.set_trains(true);
    fill(batch, {{100}, {100}});
    batch.lay_out();
    const auto* bytes = static_cast<const std::uint8_t*>(batch.messages()[0].msg_hdr.msg_iov->iov_base);
    for (const std::size_t at : {std::size_t{0}, std::size_t{104}}) {
        EXPECT_EQ(std::memcmp(bytes + at, mip::kTunnelHeader.data(), mip::kTunnelHeaderSize), 0);
        EXPECT_EQ(bytes[at + 4], at / 104);
    }
}

TEST(SendBatch, ManyMessagesTakeSeveralCalls) {
    SendBatch batch;
    std::size_t put = 0;
    while (!batch.full()) {
        fill(batch, {{40}});
        ++put;
    }
    std::size_t sent = 0;
    while (!batch.empty()) {
        const unsigned count = batch.lay_out();
        ASSERT_GT(count, 0U);
        sent += batch.sent(count).packets;
    }
    EXPECT_EQ(sent, put);
}

TEST(SendBatch, ThereIsRoomForTheLargestPacketUnlessFull) {
    SendBatch batch;
    std::vector<std::uint8_t> packet(65535, 0);
    packet[0] = 0x45;
    packet[9] = 6;
    packet[32] = 0x50;
    OffloadHeader offload;
    offload.kind = OffloadHeader::kTcp4;
    for (const std::uint32_t segment : {28U, 536U, 1428U, 65000U}) {
        batch.clear();
        while (!batch.full()) {
            fill(batch, {{1468}});
        }
        batch.clear();
        fill(batch, std::vector<Put>(44, Put{1468}));
        ASSERT_FALSE(batch.full());
        offload.segment_size = static_cast<std::uint16_t>(segment);
        Segmenter segmenter;
        ASSERT_TRUE(segmenter.begin(offload, packet));
        ASSERT_TRUE(batch.fits(segmenter));
        while (const std::size_t size = segmenter.next(batch.room())) {
            batch.push(size, 0);
        }
        EXPECT_TRUE(batch.full());
    }
}

TEST(SendBatch, WithoutTunnelHeadersEachPacketIsAMessage) {
    SendBatch batch;
    batch.set_trains(true);
    batch.set_plain(true);
    fill(batch, {{1000}, {1000}, {500, 0xb8}});
    EXPECT_EQ(messages(batch), (std::vector<Message>{{1000}, {1000}, {500, 0, 0xb8}}));
    EXPECT_EQ(static_cast<const std::uint8_t*>(batch.messages()[1].msg_hdr.msg_iov->iov_base)[0], 1);
    EXPECT_EQ(batch.sent(2).bytes, 2000U);
    batch.set_plain(false);
    EXPECT_EQ(messages(batch), (std::vector<Message>{{504, 0, 0xb8}}));
}

}  // namespace
}  // namespace homeward::tunnel
