#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>

#include "ipc/messages.h"
#include "pipeline/headers.h"
#include "pipeline/quad.h"
#include "tables/binding.h"

namespace homeward::pipeline {

/// What of an inner packet's TOS the outer one has (RFC 6040 §4.3).
constexpr std::uint8_t kept_of_tos(ipc::Ecn ecn) noexcept {
    return ecn == ipc::Ecn::normal ? 0xff : 0xfc;
}

/// What is in front of an inner packet on its way to a node, 46 bytes, prepared as far as packets have it in common:
///
///      0            14     20     26    30  34      42  46
///     | MAC addresses | ip             | to | udp   |tnl|
///     |  head_, 32 bytes, two stores     |p | tail_  |       head_ reaches into `to`; p: the two ports
///
/// Two wide stores, and five small ones for what differs, are fewer instructions than words that are put together
/// first. The id is 0: with DF set the packet is atomic (RFC 6864 §4.1). Sums are of 16-bit words as they lie in memory
/// (RFC 1071 §2: byte order does not matter).
class OuterFrame {
  public:
    static constexpr unsigned kSize = sizeof(EthernetHeader) + sizeof(TunnelHeaders);

    /// What differs from packet to packet.
    struct Packet {
        std::uint8_t tos;      ///< of the inner one
        std::uint16_t length;  ///< of the outer IP packet
        tables::UplinkWord uplink;
    };

    OuterFrame() = default;
    OuterFrame(const EthernetHeader& ethernet, const ipc::Settings& settings) noexcept;

    /// Everything but the IPv4 header's checksum, which is 0. The UDP checksum is 0 too, or with `kPseudoSum` the
    /// pseudo header's sum, to which a device adds the rest.
    template <bool kPseudoSum>
    [[gnu::always_inline]] void write(std::uint8_t* at, const Packet& packet) const noexcept {
        // Raw values: the bytes as they are stored. In an order in which each is done with before the next is needed:
        // they stay in registers.
        const auto care_of = static_cast<std::uint32_t>(packet.uplink.bits() >> 32);
        const auto port = static_cast<std::uint32_t>(packet.uplink.bits()) & 0xffff0000;
        std::memcpy(at, head_, sizeof head_);
        store(at + 34, source_port_ | port);
        store(at + 30, care_of);
        const std::uint32_t udp_length =
            __builtin_bswap16(static_cast<std::uint16_t>(packet.length - sizeof(Ipv4Header)));
        const std::uint32_t sum = kPseudoSum ? pseudo_sum_of(care_of, udp_length) : 0;
        store(at + 38, tail_ | (sum | udp_length));
        store(at + 16, __builtin_bswap16(packet.length));
        store(at + 15, static_cast<std::uint8_t>(packet.tos & kept_[0] >> 8));
    }

    /// What differs between the packets of a quad.
    struct Quads {
        Quad beginning;  ///< version and TOS of the inner packet
        Quad length;     ///< of the outer IP packet
        Quad care_of;
        Quad port;  ///< in the upper 16 bits
    };
    /// `write<true>` in front of each of four.
    [[gnu::always_inline]] void write(const std::array<Ipv4Header*, kQuad>& inner, const Quads& quads) const noexcept {
        const Quad udp_length = in_lower(quads.length - every(sizeof(Ipv4Header)));
        const Quad sum = folded(halves(quads.care_of) + udp_length + pseudo_sums_);
        const QuadRows ends = transposed({quads.care_of, quads.port | source_ports_, sum | udp_length, tunnels_});
        const Quad first = (quads.beginning & kept_) | in_upper(quads.length);
        const Quad ethernet = load_quad(head_);
        const Quad ip = load_quad(head_ + sizeof(EthernetHeader));
        put(inner[0], ethernet, __builtin_shufflevector(first, ip, 0, 5, 6, 7), ends.a);
        put(inner[1], ethernet, __builtin_shufflevector(first, ip, 1, 5, 6, 7), ends.b);
        put(inner[2], ethernet, __builtin_shufflevector(first, ip, 2, 5, 6, 7), ends.c);
        put(inner[3], ethernet, __builtin_shufflevector(first, ip, 3, 5, 6, 7), ends.d);
    }

  private:
    /// In the upper 16 bits.
    std::uint32_t pseudo_sum_of(std::uint32_t care_of, std::uint32_t udp_length) const noexcept {
        std::uint32_t sum = 0;
        if (__builtin_add_overflow(care_of, pseudo_sum_ + udp_length, &sum)) {
            ++sum;
        }
        sum += std::rotl(sum, 16);  // the lower half's carry ends up in the upper one
        return sum & 0xffff0000;
    }
    /// In front of `inner`: the Ethernet header, the IP header's first 16 bytes, and what is behind them.
    [[gnu::always_inline]] static void put(Ipv4Header* inner, Quad ethernet, Quad ip, Quad end) noexcept {
        auto* at = reinterpret_cast<std::uint8_t*>(inner);
        store_quad(at - kSize, ethernet);
        store_quad(at - sizeof(TunnelHeaders), ip);
        store_quad(at - sizeof end, end);
    }
    template <class Word>
    static void store(std::uint8_t* at, Word word) noexcept {
        std::memcpy(at, &word, sizeof word);
    }

    static_assert(std::endian::native == std::endian::little, "the words are laid out for little-endian processors");

    alignas(16) std::uint8_t head_[32] = {};
    std::uint64_t tail_ = 0;         ///< from UDP's length on, which is 0 as its checksum is, and the tunnel header
    std::uint32_t source_port_ = 0;  ///< and a destination port of 0
    std::uint32_t pseudo_sum_ = 0;   ///< of what is the same for every packet
    // The same for each of a quad.
    Quad source_ports_{}, pseudo_sums_{};
    Quad tunnels_{};  ///< their headers
    Quad kept_{};     ///< what of an inner packet's version and TOS is the outer one's
};

}  // namespace homeward::pipeline
