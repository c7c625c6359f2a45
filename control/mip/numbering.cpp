#include "mip/numbering.h"

namespace homeward::mip {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint8_t kEverything = 0x80;

}  // namespace

wire::Bytes encode(const Numbering& numbering) {
    return {kFormat, numbering.everything ? kEverything : std::uint8_t{0},
            static_cast<std::uint8_t>(numbering.run >> 8), static_cast<std::uint8_t>(numbering.run)};
}

std::optional<Numbering> decode_numbering(wire::ByteView payload) {
    wire::Reader in{payload};
    const std::uint8_t format = in.u8();
    const std::uint8_t flags = in.u8();
    const Numbering numbering{.run = in.u16(), .everything = (flags & kEverything) != 0};
    return in.failed() || !in.at_end() || format != kFormat ? std::nullopt : std::optional{numbering};
}

}  // namespace homeward::mip
