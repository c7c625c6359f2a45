#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "mip/request.h"

/// What decodes as a request must encode to something that decodes to the same request.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace homeward::mip;
    const auto framed = frame_request({data, size});
    const auto* frame = std::get_if<RequestFrame>(&framed);
    if (frame == nullptr) {
        return 0;
    }
    const auto decoded = decode_request(*frame);
    const auto* request = std::get_if<RegistrationRequest>(&decoded);
    if (request == nullptr) {
        return 0;
    }
    static const Authenticator authenticator{256, Algorithm::hmac_md5, std::to_array<std::uint8_t>({1, 2, 3, 4})};
    const auto bytes = encode(*request, authenticator);
    const auto framed_again = frame_request(bytes);
    const auto* frame_again = std::get_if<RequestFrame>(&framed_again);
    if (frame_again == nullptr || !authenticator.verify(frame_again->authentication)) {
        std::abort();
    }
    const auto decoded_again = decode_request(*frame_again);
    const auto* request_again = std::get_if<RegistrationRequest>(&decoded_again);
    if (request_again == nullptr || *request_again != *request) {
        std::abort();
    }
    return 0;
}
