#pragma once

#include <cstdint>

#include "tunnel/packet.h"

namespace homeward::tunnel {

// Fields of IPv4, TCP and UDP headers, RFC 791, 9293, 768. The caller has checked that they are within the packet.

inline constexpr std::size_t kIpv4Header = 20;  ///< without options
inline constexpr std::size_t kTcpHeader = 20;   ///< without options
inline constexpr std::size_t kUdpHeader = 8;

// In the IPv4 header.
inline constexpr std::size_t kTotalLength = 2;
inline constexpr std::size_t kIdentification = 4;
inline constexpr std::size_t kFragment = 6;
inline constexpr std::size_t kProtocol = 9;
inline constexpr std::size_t kHeaderChecksum = 10;
inline constexpr std::uint16_t kDontFragment = 0x4000;
inline constexpr std::uint16_t kMoreFragments = 0x2000;
inline constexpr std::uint16_t kFragmentOffset = 0x1fff;

// In the TCP header.
inline constexpr std::size_t kSequence = 4;
inline constexpr std::size_t kAcknowledgement = 8;
inline constexpr std::size_t kDataOffset = 12;
inline constexpr std::size_t kFlags = 13;
inline constexpr std::size_t kWindow = 14;
inline constexpr std::size_t kTcpChecksum = 16;
inline constexpr std::uint8_t kFin = 0x01, kSyn = 0x02, kPsh = 0x08, kAck = 0x10, kCwr = 0x80;

// In the UDP header.
inline constexpr std::size_t kUdpLength = 4;
inline constexpr std::size_t kUdpChecksum = 6;

inline std::uint16_t get16(wire::ByteView bytes, std::size_t offset) noexcept {
    return static_cast<std::uint16_t>(bytes[offset] << 8U | bytes[offset + 1]);
}
inline std::uint32_t get32(wire::ByteView bytes, std::size_t offset) noexcept {
    return static_cast<std::uint32_t>(get16(bytes, offset)) << 16U | get16(bytes, offset + 2);
}
inline void put16(Packet bytes, std::size_t offset, std::uint16_t value) noexcept {
    bytes[offset] = static_cast<std::uint8_t>(value >> 8U);
    bytes[offset + 1] = static_cast<std::uint8_t>(value);
}
inline void put32(Packet bytes, std::size_t offset, std::uint32_t value) noexcept {
    put16(bytes, offset, static_cast<std::uint16_t>(value >> 16U));
    put16(bytes, offset + 2, static_cast<std::uint16_t>(value));
}
/// Bytes of an IPv4 header with its options.
inline std::size_t header_length(wire::ByteView packet) noexcept {
    return (packet[0] & 0xfU) * 4U;
}
/// Bytes of a TCP header with its options; `tcp` is its offset.
inline std::size_t tcp_length(wire::ByteView packet, std::size_t tcp) noexcept {
    return (packet[tcp + kDataOffset] >> 4U) * 4U;
}

}  // namespace homeward::tunnel
