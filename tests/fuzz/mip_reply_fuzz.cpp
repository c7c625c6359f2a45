#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "mip/reply.h"

/// What decodes as a reply must encode to something that decodes to the same reply.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace homeward::mip;
    const auto framed = frame_reply({data, size});
    const auto* frame = std::get_if<ReplyFrame>(&framed);
    if (frame == nullptr) {
        return 0;
    }
    const auto decoded = decode_reply(*frame);
    const auto* reply = std::get_if<RegistrationReply>(&decoded);
    if (reply == nullptr) {
        return 0;
    }
    static const Authenticator authenticator{256, Algorithm::hmac_md5, std::to_array<std::uint8_t>({1, 2, 3, 4})};
    const auto bytes = encode(*reply, authenticator);
    const auto framed_again = frame_reply(bytes);
    const auto* frame_again = std::get_if<ReplyFrame>(&framed_again);
    if (frame_again == nullptr || !authenticator.verify(frame_again->authentication)) {
        std::abort();
    }
    const auto decoded_again = decode_reply(*frame_again);
    const auto* reply_again = std::get_if<RegistrationReply>(&decoded_again);
    if (reply_again == nullptr || *reply_again != *reply) {
        std::abort();
    }
    return 0;
}
