#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "ipc/messages.h"
#include "pipeline/headers.h"
#include "tables/binding.h"

namespace homeward::pipeline {

/// What is in front of an inner packet on its way to a node, 46 bytes, prepared as far as packets have it in common:
///
///      0       8       16      24    30  34      42  46
///     | MAC addresses   T| ip            | to | udp   |tnl|   T: EtherType, version, TOS
///     |  words_[0]  [1]  |  [2]  |  [3]  |    |  [4]  |   |   [3] reaches into `to`, which is written behind it
///
/// Seven stores from registers write it. Field by field it would be twenty. Sums are of 16-bit words as they lie in
/// memory (RFC 1071 §2: byte order does not matter).
class OuterFrame {
  public:
    static constexpr unsigned kSize = sizeof(EthernetHeader) + sizeof(TunnelHeaders);

    /// What differs from packet to packet.
    struct Packet {
        std::uint64_t tos;     ///< 8 bits; as wide as the word it becomes part of, so that it stays in a register
        std::uint32_t length;  ///< of the outer IP packet
        std::uint16_t id;
        tables::UplinkWord uplink;
    };

    OuterFrame() = default;
    OuterFrame(const EthernetHeader& ethernet, const ipc::Settings& settings) noexcept;

    /// Everything but the IPv4 header's checksum, which is 0. The UDP checksum is 0 too, or with `kPseudoSum` the
    /// pseudo header's sum, to which a device adds the rest.
    template <bool kPseudoSum>
    [[gnu::always_inline]] void write(std::uint8_t* at, const Packet& packet) const noexcept {
        // Raw values: the bytes as they are stored. Kept in registers throughout.
        const auto care_of = static_cast<std::uint32_t>(packet.uplink.bits() >> 32);
        const auto port = static_cast<std::uint32_t>(packet.uplink.bits()) & 0xffff0000;
        const std::uint32_t udp_length =
            __builtin_bswap16(static_cast<std::uint16_t>(packet.length - sizeof(Ipv4Header)));
        const std::uint64_t sum = kPseudoSum ? pseudo_sum_of(care_of, udp_length) : 0;
        store(at, words_[0]);
        store(at + 8, words_[1] | packet.tos << 56);
        store(at + 16, words_[2] | __builtin_bswap32(packet.length << 16 | packet.id));
        store(at + 24, words_[3]);
        store(at + 30, care_of);
        store(at + 34, words_[4] | port | std::uint64_t{udp_length} << 32 | sum << 48);
        store(at + 42, tunnel_);
    }

  private:
    std::uint32_t pseudo_sum_of(std::uint32_t care_of, std::uint32_t udp_length) const noexcept {
        std::uint32_t sum = 0;
        if (__builtin_add_overflow(care_of, pseudo_sum_ + udp_length, &sum)) {
            ++sum;
        }
        sum += std::rotl(sum, 16);  // the lower half's carry ends up in the upper one
        return sum >> 16;
    }
    template <class Word>
    static void store(std::uint8_t* at, Word word) noexcept {
        std::memcpy(at, &word, sizeof word);
    }

    static_assert(std::endian::native == std::endian::little, "the words are laid out for little-endian processors");

    std::uint64_t words_[5] = {};
    std::uint32_t tunnel_ = 0;      ///< the tunnel header
    std::uint32_t pseudo_sum_ = 0;  ///< of what is the same for every packet
};

}  // namespace homeward::pipeline
