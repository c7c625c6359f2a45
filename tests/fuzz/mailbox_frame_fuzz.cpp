#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include "mailbox/frame.h"

/// Whatever comes by control's socket: a header is read only from packets of our protocol.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace homeward;
    const auto header = mailbox::read_header(wire::ByteView{data, size});
    if (header && (header->magic != ipc::kMagic || header->version != ipc::kVersion || size > ipc::kMaxMessage)) {
        std::abort();
    }
    return 0;
}
