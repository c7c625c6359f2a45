#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "policy/rule.h"
#include "wire/cursor.h"
#include "wire/ipv4.h"

namespace homeward::tunnel {

using Packet = std::span<std::uint8_t>;

enum class Inner : std::uint8_t {
    good,
    malformed,          ///< version, header length, total length
    bad_checksum,       ///< of the IPv4 header
    wrong_destination,  ///< not the home address
    ecn,                ///< RFC 6040: the tunnel was congested and the inner packet cannot say so
};

/// Checks what came out of the tunnel (protocol.md §3.1): one IPv4 packet to the home address. `packet` is shortened
/// to the total length its header states.
Inner check_inner(Packet& packet, wire::Ipv4Address home_address) noexcept;

/// RFC 6040 §4.2: what the tunnel met on its way is merged into the inner header, checksum included. False: drop.
bool combine_ecn(Packet packet, std::uint8_t outer_tos) noexcept;

/// Outer TOS for an inner one: DSCP always copied (RFC 2003); ECN copied in normal mode, Not-ECT in compatibility mode.
constexpr std::uint8_t outer_tos(std::uint8_t inner, bool normal_mode) noexcept {
    return normal_mode ? inner : static_cast<std::uint8_t>(inner & 0xfcU);
}

/// Lowers the MSS option of a TCP SYN to `limit`, checksum included. Anything else is left alone. True: changed.
bool clamp_mss(Packet packet, std::uint16_t limit) noexcept;

/// Ports of fragmented datagrams, so that later fragments follow the first: the user-space twin of the steering
/// program's map. Old entries are overwritten. One thread.
class FragmentCache {
  public:
    /// The node's is the source port.
    struct Ports {
        std::uint16_t node = 0, correspondent = 0;
    };

    void remember(wire::ByteView header, Ports ports) noexcept;
    /// nullopt: the datagram's first fragment was not seen.
    std::optional<Ports> recall(wire::ByteView header) const noexcept;

  private:
    struct Slot {
        std::uint32_t source = 0, destination = 0;
        std::uint16_t identification = 0;
        Ports ports;
        std::uint8_t protocol = 0;
    };
    static Slot key(wire::ByteView header) noexcept;
    static std::size_t index(const Slot& key) noexcept;

    std::array<Slot, 64> slots_{};
};

/// What the policy looks at in a packet that leaves; `packet` holds at least an IPv4 header.
policy::FlowKey flow_of(wire::ByteView packet, FragmentCache& fragments) noexcept;
/// The same of a whole packet that arrived, from the node's point of view; fragments have no port.
policy::FlowKey flow_back_of(wire::ByteView packet) noexcept;

}  // namespace homeward::tunnel
