#pragma once

#include <rte_ip.h>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "pipeline/headers.h"

namespace homeward::pipeline {

/// Internet checksum of `size` contiguous bytes, ready to be stored. 0 when the bytes include a right checksum.
inline be16 checksum_of(const void* bytes, std::size_t size) noexcept {
    return be16::from_raw(static_cast<std::uint16_t>(~rte_raw_cksum(bytes, size)));
}

/// One's complement sum of a header without options, not folded: of words of 64 bits, with the carries in it.
inline std::uint64_t plain_sum(const Ipv4Header& ip) noexcept {
    std::uint64_t sum = 0, words = 0;
    std::uint32_t last = 0;
    std::memcpy(&sum, &ip, sizeof sum);
    std::memcpy(&words, &ip.ttl, sizeof words);
    std::memcpy(&last, &ip.destination, sizeof last);
    if (__builtin_add_overflow(sum, words, &sum)) {
        ++sum;
    }
    if (__builtin_add_overflow(sum, std::uint64_t{last}, &sum)) {
        ++sum;
    }
    return sum;
}

/// Each half is added to the other, turned, so that the carry out of it arrives in what is kept.
inline std::uint16_t fold(std::uint64_t sum) noexcept {
    sum += std::rotl(sum, 32);
    auto half = static_cast<std::uint32_t>(sum >> 32);
    half += std::rotl(half, 16);
    return static_cast<std::uint16_t>(half >> 16);
}

/// Whether the checksum in a header without options is right. 2^16 is 1 modulo 2^16 - 1: a sum that folds to 0xffff is
/// divisible by that, which a compiler finds out by one multiplication. A sum of 0 has no header.
inline bool plain_header_holds(const Ipv4Header& ip) noexcept {
    return plain_sum(ip) % 0xffff == 0;
}

/// The checksum of a header without options whose field is zero.
inline be16 plain_checksum(const Ipv4Header& ip) noexcept {
    return be16::from_raw(static_cast<std::uint16_t>(~fold(plain_sum(ip))));
}

/// What a device that computes UDP checksums wants to find in the field: the sum of the pseudo header, not inverted.
inline be16 pseudo_sum(const Ipv4Header& ip, be16 udp_length) noexcept {
    // Two loads: the addresses were stored one by one a moment ago, and a wider load would wait for both stores.
    return be16::from_raw(
        fold(std::uint64_t{ip.source.raw()} + ip.destination.raw() + be16{kProtocolUdp}.raw() + udp_length.raw()));
}

/// One hop: TTL − 1, and the checksum with it (RFC 1624 for a difference of 0x0100). The fields share a word, which as
/// it is loaded has the TTL, which must not be 0, in its lowest byte and the checksum, its bytes swapped, in its upper
/// half.
inline void decrement_ttl(Ipv4Header& ip) noexcept {
    std::uint32_t word = 0;
    std::memcpy(&word, &ip.ttl, sizeof word);
    static_assert(offsetof(Ipv4Header, checksum) == offsetof(Ipv4Header, ttl) + 2);
    word += 0xffff;  // TTL - 1, checksum + 1
    if (word < 0x10000 || word >= 0xffff0000) [[unlikely]] {
        word += 0x10000;  // the carry comes round; and a sum of 0xffff is written as 0
    }
    std::memcpy(&ip.ttl, &word, sizeof word);
}

inline void set_checksum(Ipv4Header& ip) noexcept {
    ip.checksum = be16{0};
    ip.checksum = checksum_of(&ip, ip.header_length());
}

/// RFC 1624: `checksum` after a 16-bit word it covers changed from `before` to `after`.
inline be16 updated(be16 checksum, std::uint16_t before, std::uint16_t after) noexcept {
    std::uint32_t sum = static_cast<std::uint16_t>(~checksum.host());
    sum += static_cast<std::uint16_t>(~before);
    sum += after;
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return be16{static_cast<std::uint16_t>(~sum)};
}

/// One's complement sum over the UDP datagram at `offset` of `mbuf` and its pseudo header, folded but not inverted:
/// 0xffff when a right checksum is in it. False when the packet is shorter than the UDP length says.
inline bool udp_sum(const rte_mbuf* mbuf, std::uint32_t offset, const Ipv4Header& ip, be16 udp_length,
                    std::uint16_t& sum) noexcept {
    struct PseudoHeader {
        be32 source, destination;
        std::uint8_t zero, protocol;
        be16 length;
    } const pseudo{ip.source, ip.destination, 0, kProtocolUdp, udp_length};
    static_assert(sizeof pseudo == 12);
    std::uint16_t datagram = 0;
    if (rte_raw_cksum_mbuf(mbuf, offset, udp_length.host(), &datagram) != 0) {
        return false;
    }
    const std::uint32_t both = std::uint32_t{datagram} + rte_raw_cksum(&pseudo, sizeof pseudo);
    sum = static_cast<std::uint16_t>((both & 0xffff) + (both >> 16));
    return true;
}

}  // namespace homeward::pipeline
