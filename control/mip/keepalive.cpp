#include "mip/keepalive.h"

#include <cstddef>

namespace homeward::mip {
namespace {

constexpr std::size_t kIpv4Size = 20;
constexpr std::size_t kPacketSize = kIpv4Size + 8 + 8;  // IPv4, ICMP, nonce
constexpr std::uint8_t kVersionAndLength = 0x45;
constexpr std::uint8_t kTtl = 64;
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kEchoReply = 0;
constexpr std::uint8_t kEchoRequest = 8;
constexpr std::uint16_t kFragmentMask = 0x3fff;  // MF and the offset

/// The Internet checksum (RFC 1071) of an even number of bytes; zero over bytes that carry a right one.
std::uint16_t checksum(wire::ByteView bytes) noexcept {
    std::uint32_t sum = 0;
    wire::Reader in{bytes};
    while (!in.at_end()) {
        sum += in.u16();
    }
    sum = (sum & 0xffff) + (sum >> 16);
    sum += sum >> 16;
    return static_cast<std::uint16_t>(~sum);
}

std::optional<Keepalive> decode_echo(wire::ByteView packet, std::uint8_t icmp_type) noexcept {
    if (packet.size() != kPacketSize || packet[0] != kVersionAndLength || checksum(packet.first(kIpv4Size)) != 0 ||
        checksum(packet.subspan(kIpv4Size)) != 0) {
        return std::nullopt;
    }
    wire::Reader in{packet};
    in.u16();  // version, DS field
    const std::uint16_t total = in.u16();
    Keepalive keepalive;
    keepalive.packet_id = in.u16();
    const std::uint16_t fragment = in.u16();
    in.u8();  // TTL
    const std::uint8_t protocol = in.u8();
    in.u16();  // checksum
    keepalive.source = wire::Ipv4Address{in.u32()};
    keepalive.destination = wire::Ipv4Address{in.u32()};
    const std::uint8_t type = in.u8();
    const std::uint8_t code = in.u8();
    in.u16();  // checksum
    keepalive.identifier = in.u16();
    keepalive.sequence = in.u16();
    keepalive.nonce = in.u64();
    const bool is_echo =
        total == kPacketSize && (fragment & kFragmentMask) == 0 && protocol == kIcmp && type == icmp_type && code == 0;
    return is_echo ? std::optional{keepalive} : std::nullopt;
}

}  // namespace

wire::Bytes encode_echo_request(const Keepalive& keepalive) {
    wire::Bytes packet;
    packet.reserve(kPacketSize);
    wire::Writer out{packet};
    out.u8(kVersionAndLength);
    out.u8(0);
    out.u16(kPacketSize);
    out.u16(keepalive.packet_id);
    out.u16(0);
    out.u8(kTtl);
    out.u8(kIcmp);
    out.u16(0);
    out.u32(keepalive.source.host());
    out.u32(keepalive.destination.host());
    out.patch_u16(10, checksum(packet));
    out.u8(kEchoRequest);
    out.u8(0);
    out.u16(0);
    out.u16(keepalive.identifier);
    out.u16(keepalive.sequence);
    out.u64(keepalive.nonce);
    out.patch_u16(kIpv4Size + 2, checksum(wire::ByteView{packet}.subspan(kIpv4Size)));
    return packet;
}

std::optional<Keepalive> decode_echo_reply(wire::ByteView packet) noexcept {
    return decode_echo(packet, kEchoReply);
}

std::optional<Keepalive> decode_echo_request(wire::ByteView packet) noexcept {
    return decode_echo(packet, kEchoRequest);
}

}  // namespace homeward::mip
