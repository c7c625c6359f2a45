#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "mip/keepalive.h"

/// Exactly our own echo requests decode as such, up to the TTL and the DS field.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace homeward;
    const wire::ByteView packet{data, size};
    mip::decode_echo_reply(packet);
    if (const auto echo = mip::decode_echo_request(packet)) {
        const wire::Bytes again = mip::encode_echo_request(*echo);
        if (!std::equal(again.begin() + 12, again.end(), packet.begin() + 12, packet.end())) {
            std::abort();
        }
    }
    return 0;
}
