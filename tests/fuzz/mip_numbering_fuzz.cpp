#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "mip/numbering.h"

/// What decodes as an agreement must encode to something that decodes to the same.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace homeward;
    if (const auto decoded = mip::decode_numbering({data, size})) {
        if (mip::decode_numbering(mip::encode(*decoded)) != decoded) {
            std::abort();
        }
    }
    return 0;
}
