#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include "tables/shared.h"
#include "wire/byte_order.h"
#include "wire/ipv4.h"

/// The headers the pipeline reads and writes, as they lie in the packet. Alignment 1: a pointer to any offset is fine.
namespace homeward::pipeline {

using wire::be16;
using wire::be32;

inline constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
inline constexpr std::uint16_t kEtherTypeArp = 0x0806;
inline constexpr std::uint8_t kProtocolIcmp = 1;
inline constexpr std::uint8_t kProtocolIpip = 4;
inline constexpr std::uint8_t kProtocolTcp = 6;
inline constexpr std::uint8_t kProtocolUdp = 17;
inline constexpr std::uint8_t kTunnelTtl = 64;

/// Whether the protocol's header begins with a source and a destination port.
constexpr bool has_ports(std::uint8_t protocol) noexcept {
    constexpr std::uint8_t kDccp = 33, kSctp = 132, kUdpLite = 136;
    return protocol == kProtocolTcp || protocol == kProtocolUdp || protocol == kSctp || protocol == kDccp ||
           protocol == kUdpLite;
}

struct EthernetHeader {
    tables::MacAddress destination;
    tables::MacAddress source;
    be16 type;
};
static_assert(sizeof(EthernetHeader) == 14);

/// RFC 826 for Ethernet and IPv4.
struct ArpPacket {
    static constexpr std::uint16_t kRequest = 1, kReply = 2;

    be16 hardware;
    be16 protocol;
    std::uint8_t hardware_length;
    std::uint8_t protocol_length;
    be16 operation;
    tables::MacAddress sender_mac;
    be32 sender_address;
    tables::MacAddress target_mac;
    be32 target_address;

    bool ethernet_ipv4() const noexcept {
        return hardware.host() == 1 && protocol.host() == kEtherTypeIpv4 && hardware_length == 6 &&
               protocol_length == 4;
    }
};
static_assert(sizeof(ArpPacket) == 28);

struct Ipv4Header {
    static constexpr std::uint16_t kDontFragment = 0x4000, kMoreFragments = 0x2000, kOffset = 0x1fff;

    std::uint8_t version_ihl;
    std::uint8_t tos;
    be16 total_length;
    be16 id;
    be16 fragment;
    std::uint8_t ttl;
    std::uint8_t protocol;
    be16 checksum;
    be32 source;
    be32 destination;

    unsigned header_length() const noexcept { return (version_ihl & 0xfU) * 4; }
    bool dont_fragment() const noexcept { return (fragment.host() & kDontFragment) != 0; }
    bool is_fragment() const noexcept { return (fragment.host() & (kMoreFragments | kOffset)) != 0; }
    bool is_later_fragment() const noexcept { return (fragment.host() & kOffset) != 0; }
    std::uint8_t ecn() const noexcept { return tos & 3; }
    wire::Ipv4Address from() const noexcept { return wire::Ipv4Address{source}; }
    wire::Ipv4Address to() const noexcept { return wire::Ipv4Address{destination}; }
    std::uint8_t* payload() noexcept { return reinterpret_cast<std::uint8_t*>(this) + header_length(); }
};
static_assert(sizeof(Ipv4Header) == 20);

struct UdpHeader {
    be16 source_port;
    be16 destination_port;
    be16 length;
    be16 checksum;
};
static_assert(sizeof(UdpHeader) == 8);

/// RFC 3519 §3.3; ebpf/include/homeward/tunnel.h names the values.
struct TunnelHeader {
    std::uint8_t type;
    std::uint8_t next_header;
    be16 number;  ///< 0: none; a node that did not agree to numbers sends and means nothing with it
};
static_assert(sizeof(TunnelHeader) == 4);

struct TunnelHeaders {
    Ipv4Header ip;
    UdpHeader udp;
    TunnelHeader tunnel;
};
static_assert(sizeof(TunnelHeaders) == 32);

/// Bytes between a tunnel's outer header and the inner one: RFC 3519's, or none where there is no UDP (RFC 2003).
constexpr unsigned tunnel_framing(const Ipv4Header& outer) noexcept {
    return outer.protocol == kProtocolUdp ? sizeof(UdpHeader) + sizeof(TunnelHeader) : 0;
}

struct IcmpHeader {
    static constexpr std::uint8_t kEchoReply = 0, kUnreachable = 3, kEcho = 8, kTimeExceeded = 11;
    static constexpr std::uint8_t kNetUnreachable = 0, kHostUnreachable = 1, kFragmentationNeeded = 4, kProhibited = 13;

    std::uint8_t type;
    std::uint8_t code;
    be16 checksum;
    be16 unused;
    be16 mtu;  ///< fragmentation needed: RFC 1191 next-hop MTU
};
static_assert(sizeof(IcmpHeader) == 8);

struct TcpHeader {
    static constexpr std::uint8_t kSyn = 0x02;

    be16 source_port;
    be16 destination_port;
    be32 sequence;
    be32 acknowledgement;
    std::uint8_t data_offset;
    std::uint8_t flags;
    be16 window;
    be16 checksum;
    be16 urgent;
};
static_assert(sizeof(TcpHeader) == 20);

}  // namespace homeward::pipeline
