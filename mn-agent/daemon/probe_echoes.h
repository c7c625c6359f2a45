#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "mip/keepalive.h"
#include "wire/cursor.h"
#include "wire/ipv4.h"

namespace homeward::mn {

/// Probes as packets: tunnelled ICMP echoes like keepalives, so that any home agent answers them. The nonce of each is
/// drawn anew; an answer counts once, and only on the uplink that its probe left by.
class ProbeEchoes {
  public:
    /// The inner packet.
    wire::Bytes request(unsigned slot, std::uint32_t number, wire::Ipv4Address home, wire::Ipv4Address home_agent);
    /// The number of the probe that this inner packet answers; nullopt: it is something else.
    std::optional<std::uint32_t> answer(unsigned slot, wire::ByteView inner_packet);

  private:
    static constexpr std::size_t kKept = 64;
    static constexpr std::size_t kSlots = 8;
    struct Sent {
        mip::Keepalive echo;
        std::uint32_t number = 0;
        bool open = false;
    };
    std::array<std::array<Sent, kKept>, kSlots> sent_{};
    std::optional<std::uint16_t> identifier_;
};

}  // namespace homeward::mn
