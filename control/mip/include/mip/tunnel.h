#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "homeward/tunnel.h"
#include "wire/cursor.h"

namespace homeward::mip {

inline constexpr std::uint16_t kPort = HOMEWARD_MIP_PORT;
inline constexpr std::size_t kTunnelHeaderSize = sizeof(homeward_tunnel_header);
inline constexpr std::size_t kTunnelOverhead = HOMEWARD_TUNNEL_OVERHEAD;  ///< outer IPv4, UDP, tunnel header
inline constexpr std::array<std::uint8_t, kTunnelHeaderSize> kTunnelHeader{HOMEWARD_TUNNEL_TYPE_DATA,
                                                                           HOMEWARD_NEXT_HEADER_IPV4, 0, 0};

/// What the first byte of a UDP payload on port 434 says it is.
enum class MessageType : std::uint8_t { registration_request = 1, registration_reply = 3, tunnel_data = 4 };

/// The inner packet of a tunnel data message (RFC 3519 §3.3) that carries IPv4; nullopt for anything else or when
/// less than an IPv4 header follows. The reserved bytes are left to `tunnel_number`. The inner packet itself is not
/// checked.
constexpr std::optional<wire::ByteView> tunnelled(wire::ByteView payload) noexcept {
    constexpr std::size_t kIpv4HeaderSize = 20;
    if (payload.size() < kTunnelHeaderSize + kIpv4HeaderSize || payload[0] != HOMEWARD_TUNNEL_TYPE_DATA ||
        payload[1] != HOMEWARD_NEXT_HEADER_IPV4) {
        return std::nullopt;
    }
    return payload.subspan(kTunnelHeaderSize);
}

/// The number of a tunnel data message; 0: none. Means something only where it was agreed (mip/numbering.h).
constexpr std::uint16_t tunnel_number(wire::ByteView payload) noexcept {
    return static_cast<std::uint16_t>(payload[2] << 8U | payload[3]);
}

}  // namespace homeward::mip
