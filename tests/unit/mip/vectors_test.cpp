#include "vectors.h"

#include <gtest/gtest.h>

#include <functional>

#include "mip/tunnel.h"

namespace homeward::mip {
namespace {

using vectors::Exact;
using vectors::from_hex;
using vectors::to_hex;

struct RequestRow {
    const char* name;
    std::string_view bytes;
    std::function<RegistrationRequest()> message;
    std::function<Authenticator()> authenticator;
};

class RequestVector : public testing::TestWithParam<RequestRow> {};

TEST_P(RequestVector, EncodesToTheBytes) {
    EXPECT_EQ(to_hex(encode(GetParam().message(), GetParam().authenticator())), GetParam().bytes);
}

TEST_P(RequestVector, DecodesFromTheBytes) {
    const Exact datagram{from_hex(GetParam().bytes)};
    const auto framed = frame_request(datagram.view());
    ASSERT_TRUE(std::holds_alternative<RequestFrame>(framed));
    const auto& frame = std::get<RequestFrame>(framed);
    EXPECT_TRUE(GetParam().authenticator().verify(frame.authentication));
    EXPECT_EQ(frame.nai, GetParam().message().nai.value_or(""));
    const auto decoded = decode_request(frame);
    ASSERT_TRUE(std::holds_alternative<RegistrationRequest>(decoded));
    EXPECT_EQ(std::get<RegistrationRequest>(decoded), GetParam().message());
}

/// Every proper prefix is refused: by framing, or because the authenticator is cut.
TEST_P(RequestVector, RefusesEveryTruncation) {
    const wire::Bytes whole = from_hex(GetParam().bytes);
    for (std::size_t size = 0; size < whole.size(); ++size) {
        const Exact datagram{wire::ByteView{whole}.first(size)};
        const auto framed = frame_request(datagram.view());
        if (const auto* frame = std::get_if<RequestFrame>(&framed)) {
            EXPECT_FALSE(GetParam().authenticator().verify(frame->authentication)) << size;
            decode_request(*frame);  // nobody does so unauthenticated, but it must not read past the end either
        }
    }
}

TEST_P(RequestVector, RefusesEveryFlippedBit) {
    const wire::Bytes whole = from_hex(GetParam().bytes);
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        wire::Bytes flipped = whole;
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1U << bit % 8);
        const Exact datagram{flipped};
        const auto framed = frame_request(datagram.view());
        if (const auto* frame = std::get_if<RequestFrame>(&framed)) {
            EXPECT_FALSE(GetParam().authenticator().verify(frame->authentication)) << bit;
            decode_request(*frame);
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Requests, RequestVector,
                         testing::Values(RequestRow{"Md5", vectors::kRequestMd5, vectors::request_md5, vectors::md5},
                                         RequestRow{"Sha256AndNai", vectors::kRequestSha256, vectors::request_sha256,
                                                    vectors::sha256},
                                         RequestRow{"MultipathAndFlowBinding", vectors::kRequestMultipath,
                                                    vectors::request_multipath, vectors::md5}),
                         [](const auto& row) { return row.param.name; });

TEST(ReplyVector, EncodesToTheBytes) {
    EXPECT_EQ(to_hex(encode(vectors::reply_md5(), vectors::md5())), vectors::kReplyMd5);
}

TEST(ReplyVector, DecodesFromTheBytes) {
    const Exact datagram{from_hex(vectors::kReplyMd5)};
    const auto framed = frame_reply(datagram.view());
    ASSERT_TRUE(std::holds_alternative<ReplyFrame>(framed));
    EXPECT_TRUE(vectors::md5().verify(std::get<ReplyFrame>(framed).authentication));
    const auto decoded = decode_reply(std::get<ReplyFrame>(framed));
    ASSERT_TRUE(std::holds_alternative<RegistrationReply>(decoded));
    EXPECT_EQ(std::get<RegistrationReply>(decoded), vectors::reply_md5());
}

TEST(ReplyVector, RefusesEveryTruncationAndFlippedBit) {
    const wire::Bytes whole = from_hex(vectors::kReplyMd5);
    const auto authentic = [](wire::ByteView bytes) {
        const Exact datagram{bytes};
        const auto framed = frame_reply(datagram.view());
        const auto* frame = std::get_if<ReplyFrame>(&framed);
        if (frame != nullptr) {
            decode_reply(*frame);
        }
        return frame != nullptr && vectors::md5().verify(frame->authentication);
    };
    ASSERT_TRUE(authentic(whole));
    for (std::size_t size = 0; size < whole.size(); ++size) {
        EXPECT_FALSE(authentic(wire::ByteView{whole}.first(size))) << size;
    }
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
        wire::Bytes flipped = whole;
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1U << bit % 8);
        EXPECT_FALSE(authentic(flipped)) << bit;
    }
}

TEST(KeepaliveVector, EncodesToTheBytes) {
    wire::Bytes payload(kTunnelHeader.begin(), kTunnelHeader.end());
    const wire::Bytes packet = encode_echo_request(vectors::keepalive());
    payload.insert(payload.end(), packet.begin(), packet.end());
    EXPECT_EQ(to_hex(payload), vectors::kKeepalive);
}

TEST(KeepaliveVector, DecodesFromTheBytesAndFromNothingElse) {
    const wire::Bytes whole = from_hex(vectors::kKeepalive);
    const auto packet = tunnelled(whole);
    ASSERT_TRUE(packet.has_value());
    EXPECT_EQ(decode_echo_request(*packet), vectors::keepalive());
    EXPECT_FALSE(decode_echo_reply(*packet).has_value());
    for (std::size_t size = 0; size < packet->size(); ++size) {
        const Exact cut{packet->first(size)};
        EXPECT_FALSE(decode_echo_request(cut.view()).has_value()) << size;
    }
    for (std::size_t bit = 0; bit < packet->size() * 8; ++bit) {
        wire::Bytes flipped(packet->begin(), packet->end());
        flipped[bit / 8] = static_cast<std::uint8_t>(flipped[bit / 8] ^ 1U << bit % 8);
        EXPECT_FALSE(decode_echo_request(flipped).has_value()) << bit;
    }
}

TEST(TunnelData, IsIpv4WithRoomForAHeader) {
    struct Row {
        const char* name;
        std::uint8_t type, next_header;
        std::size_t size;
        bool accepted;
    };
    for (const Row& row : {Row{"smallest", 4, 4, 24, true}, Row{"short", 4, 4, 23, false}, Row{"empty", 4, 4, 0, false},
                           Row{"GRE", 4, 47, 24, false}, Row{"request", 1, 4, 24, false}}) {
        wire::Bytes payload(row.size);
        if (row.size >= 2) {
            payload[0] = row.type;
            payload[1] = row.next_header;
        }
        if (row.size >= 4) {
            payload[3] = 0xff;  // reserved, ignored
        }
        const Exact exact{payload};
        const auto inner = tunnelled(exact.view());
        EXPECT_EQ(inner.has_value(), row.accepted) << row.name;
        EXPECT_TRUE(!inner || inner->size() == row.size - 4) << row.name;
    }
}

}  // namespace
}  // namespace homeward::mip
