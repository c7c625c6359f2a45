#include <gtest/gtest.h>

#include "random_messages.h"
#include "vectors.h"

namespace homeward::mip {
namespace {

using vectors::Exact;

constexpr int kMessages = 2000;

TEST(RoundTrip, RandomRequests) {
    vectors::Random random{1};
    for (int i = 0; i < kMessages; ++i) {
        const RegistrationRequest request = vectors::random_request(random);
        const Authenticator authenticator = i % 2 == 0 ? vectors::md5() : vectors::sha256();
        const Exact datagram{encode(request, authenticator)};
        const auto framed = frame_request(datagram.view());
        ASSERT_TRUE(std::holds_alternative<RequestFrame>(framed)) << i;
        const auto& frame = std::get<RequestFrame>(framed);
        EXPECT_TRUE(authenticator.verify(frame.authentication)) << i;
        EXPECT_EQ(frame.nai, request.nai.value_or("")) << i;
        const auto decoded = decode_request(frame);
        ASSERT_TRUE(std::holds_alternative<RegistrationRequest>(decoded)) << i;
        EXPECT_EQ(std::get<RegistrationRequest>(decoded), request) << i;
    }
}

TEST(RoundTrip, RandomReplies) {
    vectors::Random random{2};
    for (int i = 0; i < kMessages; ++i) {
        const RegistrationReply reply = vectors::random_reply(random);
        const Exact datagram{encode(reply, vectors::sha256())};
        const auto framed = frame_reply(datagram.view());
        ASSERT_TRUE(std::holds_alternative<ReplyFrame>(framed)) << i;
        EXPECT_TRUE(vectors::sha256().verify(std::get<ReplyFrame>(framed).authentication)) << i;
        const auto decoded = decode_reply(std::get<ReplyFrame>(framed));
        ASSERT_TRUE(std::holds_alternative<RegistrationReply>(decoded)) << i;
        EXPECT_EQ(std::get<RegistrationReply>(decoded), reply) << i;
    }
}

TEST(RoundTrip, EncodedSizesAreExact) {
    vectors::Random random{3};
    for (int i = 0; i < kMessages; ++i) {
        const RegistrationRequest request = vectors::random_request(random);
        wire::Bytes bytes;
        wire::Writer out{bytes};
        std::size_t expected = 0;
        for (const FlowBinding& binding : request.flow_bindings) {
            append(out, binding);
            expected += encoded_size(binding);
        }
        for (const VendorExtension& extension : request.vendor) {
            append(out, extension);
            expected += encoded_size(extension);
        }
        EXPECT_EQ(bytes.size(), expected) << i;
    }
}

TEST(VendorPieces, AreJoinedInOrder) {
    for (const std::size_t size : std::initializer_list<std::size_t>{0, 1, 247, 248, 494, 495, 1300}) {
        wire::Bytes data;
        for (std::size_t i = 0; i < size; ++i) {
            data.push_back(static_cast<std::uint8_t>(i * 7));
        }
        std::vector<VendorExtension> extensions{{32473, 2, {1, 2, 3}}};
        append_in_pieces(extensions, 32473, 1, data);
        extensions.push_back({9, 1, {4}});
        EXPECT_EQ(extensions.size(), 2 + std::max<std::size_t>(1, (size + 246) / 247)) << size;
        EXPECT_TRUE(has(extensions, 32473, 1));
        EXPECT_FALSE(has(extensions, 32473, 3));
        EXPECT_EQ(joined(extensions, 32473, 1), data) << size;
    }
}

}  // namespace
}  // namespace homeward::mip
