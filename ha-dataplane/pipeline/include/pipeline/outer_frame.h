#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "ipc/messages.h"
#include "pipeline/headers.h"

namespace homeward::pipeline {

/// What is in front of an inner packet on its way to a node, 46 bytes, prepared as far as packets have it in common:
///
///      0       8       16      24      32      40   46
///     | MAC addresses  |T ip  ..........|..  udp  |tnl|   T: EtherType, version, TOS
///     |  words_[0]  [1]|  [2] |  [3] | [4] |  [5]     |   [5] begins at 38, so that it ends at 46
///
/// Six stores from registers write it. Field by field it would be twenty, and reading them back for a checksum would
/// wait for each. Sums are of 16-bit words as they lie in memory (RFC 1071 §2: byte order does not matter).
class OuterFrame {
  public:
    static constexpr unsigned kSize = sizeof(EthernetHeader) + sizeof(TunnelHeaders);

    /// What differs from packet to packet.
    struct Packet {
        std::uint64_t tos;     ///< 8 bits; as wide as the word it becomes part of, so that it stays in a register
        std::uint16_t length;  ///< of the outer IP packet
        std::uint16_t id;
        be32 care_of;
        be16 port;
    };

    OuterFrame() = default;
    OuterFrame(const EthernetHeader& ethernet, const ipc::Settings& settings) noexcept;

    /// Everything but the IPv4 header's checksum, which is 0. The UDP checksum is 0 too, or with `pseudo_sum` the
    /// pseudo header's sum, to which a device adds the rest.
    [[gnu::always_inline]] void write(std::uint8_t* at, const Packet& packet, bool pseudo_sum) const noexcept {
        // Raw values: the bytes as they are stored. Kept in registers throughout.
        const std::uint64_t care_of = packet.care_of.raw();
        const std::uint64_t udp_length =
            __builtin_bswap16(static_cast<std::uint16_t>(packet.length - sizeof(Ipv4Header)));
        store(at, words_[0]);
        store(at + 8, words_[1] | packet.tos << 56);
        store(at + 16, words_[2] | std::uint64_t{__builtin_bswap32(std::uint32_t{packet.length} << 16 | packet.id)});
        store(at + 24, words_[3] | care_of << 48);
        store(at + 32, words_[4] | care_of >> 16 | std::uint64_t{packet.port.raw()} << 32 | udp_length << 48);
        store(at + 38, words_[5] | udp_length | (pseudo_sum ? fold_pseudo(care_of + udp_length) << 16 : 0));
    }

  private:
    std::uint64_t fold_pseudo(std::uint64_t sum) const noexcept {
        sum += pseudo_sum_;
        sum = (sum & 0xffff) + (sum >> 16);  // at most 18 bits
        sum = (sum & 0xffff) + (sum >> 16);
        return (sum & 0xffff) + (sum >> 16);
    }
    static void store(std::uint8_t* at, std::uint64_t word) noexcept { std::memcpy(at, &word, sizeof word); }

    static_assert(std::endian::native == std::endian::little, "the words are laid out for little-endian processors");

    std::uint64_t words_[6] = {};
    std::uint32_t pseudo_sum_ = 0;  ///< of what is the same for every packet
};

}  // namespace homeward::pipeline
