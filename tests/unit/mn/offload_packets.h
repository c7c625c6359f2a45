#pragma once

#include <cstdint>
#include <vector>

namespace homeward::tunnel {

/// Packets for the tests of cutting and joining, and what is known about them without the code under test.

using Bytes = std::vector<std::uint8_t>;

inline void store16(Bytes& bytes, std::size_t at, std::uint32_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<std::uint8_t>(value);
}
inline void store32(Bytes& bytes, std::size_t at, std::uint32_t value) {
    store16(bytes, at, value >> 16);
    store16(bytes, at + 2, value & 0xffff);
}
inline std::uint32_t load16(const Bytes& bytes, std::size_t at) {
    return static_cast<std::uint32_t>(bytes[at] << 8 | bytes[at + 1]);
}
inline std::uint32_t load32(const Bytes& bytes, std::size_t at) {
    return load16(bytes, at) << 16 | load16(bytes, at + 2);
}

/// RFC 1071 by the book, one word after the other.
inline std::uint16_t slow_sum(const Bytes& bytes, std::size_t first, std::size_t last, std::uint32_t sum = 0) {
    for (std::size_t i = first; i < last; i += 2) {
        sum += static_cast<std::uint32_t>(bytes[i] << 8) + (i + 1 < last ? bytes[i + 1] : 0U);
        sum = (sum & 0xffff) + (sum >> 16);
    }
    return static_cast<std::uint16_t>(sum);
}

struct PacketSpec {
    std::uint8_t protocol = 6;
    std::uint8_t tos = 0;
    std::uint8_t ttl = 64;
    std::uint16_t identification = 0x1234;
    bool dont_fragment = true;
    std::uint32_t source = 0xc6336407;
    std::uint32_t ports = 0x9c4001bb;
    std::uint32_t sequence = 1000;
    std::uint32_t acknowledgement = 77;
    std::uint8_t flags = 0x10;
    std::uint16_t window = 501;
    Bytes options;     ///< of TCP, a multiple of four bytes
    Bytes ip_options;  ///< a multiple of four bytes
    Bytes payload;
};

inline std::size_t ip_length(const Bytes& packet) {
    return (packet[0] & 15U) * 4U;
}
inline std::size_t headers_of(const Bytes& packet) {
    const std::size_t ip = ip_length(packet);
    return ip + (packet[9] == 6 ? (packet[ip + 12] >> 4) * 4U : 8U);
}
inline std::size_t checksum_of(const Bytes& packet) {
    return ip_length(packet) + (packet[9] == 6 ? 16U : 6U);
}
inline std::uint32_t pseudo_sum(const Bytes& packet) {
    return slow_sum(packet, 12, 20) + packet[9] + static_cast<std::uint32_t>(packet.size() - ip_length(packet));
}

/// Lengths and checksums of a packet whose other fields are right.
inline void complete(Bytes& packet) {
    const std::size_t ip = ip_length(packet);
    store16(packet, 2, static_cast<std::uint32_t>(packet.size()));
    store16(packet, 10, 0);
    store16(packet, 10, static_cast<std::uint16_t>(~slow_sum(packet, 0, ip)));
    if (packet[9] == 17) {
        store16(packet, ip + 4, static_cast<std::uint32_t>(packet.size() - ip));
    }
    store16(packet, checksum_of(packet), 0);
    const auto sum = static_cast<std::uint16_t>(~slow_sum(packet, ip, packet.size(), pseudo_sum(packet)));
    store16(packet, checksum_of(packet), sum == 0 ? 0xffff : sum);
}

inline Bytes make_packet(const PacketSpec& spec) {
    Bytes packet(20, 0);
    packet[1] = spec.tos;
    store16(packet, 4, spec.identification);
    store16(packet, 6, spec.dont_fragment ? 0x4000 : 0);
    packet[8] = spec.ttl;
    packet[9] = spec.protocol;
    store32(packet, 12, spec.source);
    store32(packet, 16, 0x9e840a0c);
    packet.insert(packet.end(), spec.ip_options.begin(), spec.ip_options.end());
    packet[0] = static_cast<std::uint8_t>(0x40 | packet.size() / 4);
    const std::size_t at = packet.size();
    packet.resize(at + (spec.protocol == 6 ? 20 : 8), 0);
    store32(packet, at, spec.ports);
    if (spec.protocol == 6) {
        store32(packet, at + 4, spec.sequence);
        store32(packet, at + 8, spec.acknowledgement);
        packet[at + 12] = static_cast<std::uint8_t>((20 + spec.options.size()) / 4 << 4);
        packet[at + 13] = spec.flags;
        store16(packet, at + 14, spec.window);
        packet.insert(packet.end(), spec.options.begin(), spec.options.end());
    }
    packet.insert(packet.end(), spec.payload.begin(), spec.payload.end());
    complete(packet);
    return packet;
}

/// Counts up from `first`: no two parts of a payload look alike.
inline Bytes payload(std::size_t size, std::size_t first = 1) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
        bytes[i] = static_cast<std::uint8_t>((first + i) * 2654435761U >> 13U);
    }
    return bytes;
}

}  // namespace homeward::tunnel
