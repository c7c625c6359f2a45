#pragma once

#include <cstdint>
#include <optional>

#include "wire/cursor.h"

namespace homeward::mip {

/// The agreement to number tunnel packets in the two bytes that RFC 3519 §3.3 reserves: a vendor extension (RFC 3115)
/// of requests and, if the home agent agrees, of their replies. Who does not know it skips it, and the bytes stay zero.
/// Each direction counts by itself, over all of a node's uplinks; 0 is no number.
///
///      0        1       2        4
///     | format | flags |  run   |       format 1; flag 0x80: number everything, others 0 and ignored
struct Numbering {
    static constexpr std::uint16_t kVendorType = 2;

    std::uint16_t run = 0;    ///< chosen by the node: another one, and its numbers begin anew
    bool everything = false;  ///< down: every packet has a number, not only what is sent more than once
    friend bool operator==(const Numbering&, const Numbering&) = default;
};

wire::Bytes encode(const Numbering& numbering);
/// nullopt: nothing that we could agree to.
std::optional<Numbering> decode_numbering(wire::ByteView payload);

}  // namespace homeward::mip
