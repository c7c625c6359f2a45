#pragma once

#include <cstdint>
#include <optional>

#include "wire/cursor.h"
#include "wire/ipv4.h"

namespace homeward::mip {

/// The tunnelled ICMP echo that keeps a NAT mapping open (RFC 3519 §4.10). The nonce proves that the answer was made
/// by who saw the request.
struct Keepalive {
    wire::Ipv4Address source;  ///< inner: the home address in a request, the home agent in an answer
    wire::Ipv4Address destination;
    std::uint16_t packet_id = 0;   ///< IPv4 identification
    std::uint16_t identifier = 0;  ///< ICMP
    std::uint16_t sequence = 0;
    std::uint64_t nonce = 0;

    friend bool operator==(const Keepalive&, const Keepalive&) = default;
};

/// The inner IPv4 packet of an echo request, 36 bytes; the tunnel header is the sender's.
wire::Bytes encode_echo_request(const Keepalive& keepalive);
/// Reads an inner packet that is an ICMP echo reply (request: `decode_echo_request`) of exactly this shape;
/// both checksums are checked. nullopt for anything else: it is then an ordinary packet.
std::optional<Keepalive> decode_echo_reply(wire::ByteView packet) noexcept;
std::optional<Keepalive> decode_echo_request(wire::ByteView packet) noexcept;

}  // namespace homeward::mip
