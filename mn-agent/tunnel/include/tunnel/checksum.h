#pragma once

#include <cstdint>

#include "wire/cursor.h"

namespace homeward::tunnel {

/// One's complement sum (RFC 1071) of big-endian 16-bit words, not inverted; an odd last byte counts as a high one.
std::uint16_t checksum_sum(wire::ByteView bytes) noexcept;

/// Brings a sum of 16-bit words back to 16 bits.
constexpr std::uint16_t fold(std::uint32_t sum) noexcept {
    sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(sum + (sum >> 16U));
}

/// Sum of the pseudo header (RFC 9293 §3.1, RFC 768) that goes before `length` bytes of TCP or UDP; `ipv4` begins with
/// the IPv4 header.
std::uint16_t pseudo_header_sum(wire::ByteView ipv4, std::size_t length) noexcept;

}  // namespace homeward::tunnel
