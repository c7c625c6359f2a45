#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "mip/extension.h"

/// What decodes as a flow binding must encode, in the size announced, to something that decodes to the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace homeward;
    const auto decoded = mip::decode_flow_binding({data, size});
    if (const auto* binding = std::get_if<mip::FlowBinding>(&decoded)) {
        constexpr std::size_t kHeaderSize = 4;
        wire::Bytes bytes;
        wire::Writer out{bytes};
        mip::append(out, *binding);
        const auto again = mip::decode_flow_binding(wire::ByteView{bytes}.subspan(kHeaderSize));
        const auto* binding_again = std::get_if<mip::FlowBinding>(&again);
        if (bytes.size() != mip::encoded_size(*binding) || binding_again == nullptr || *binding_again != *binding) {
            std::abort();
        }
    }
    return 0;
}
