#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "mip/selector.h"

/// What decodes as a selector must encode, in the size announced, to something that decodes to the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace homeward;
    const auto decoded = mip::decode_traffic_selector({data, size});
    if (const auto* selector = std::get_if<mip::TrafficSelector>(&decoded)) {
        wire::Bytes bytes;
        wire::Writer out{bytes};
        mip::append(out, *selector);
        const auto again = mip::decode_traffic_selector(bytes);
        const auto* selector_again = std::get_if<mip::TrafficSelector>(&again);
        if (bytes.size() != mip::encoded_size(*selector) || selector_again == nullptr || *selector_again != *selector) {
            std::abort();
        }
    }
    return 0;
}
