#pragma once

#include <array>

#include "pipeline/headers.h"
#include "pipeline/quad.h"

namespace homeward::pipeline {

/// The first words of the IPv4 headers of four packets.
struct QuadHeader {
    Quad beginning;  ///< version, TOS, length
    Quad fragment;   ///< id, fragment
    Quad hops;       ///< TTL, protocol, checksum

    Quad length() const noexcept { return upper_number(beginning); }
    Quad protocol() const noexcept { return hops >> 8 & every(0xff); }
    Quad is_fragment() const noexcept {
        constexpr std::uint32_t kFragment = be16{Ipv4Header::kMoreFragments | Ipv4Header::kOffset}.raw();
        return fragment & every(kFragment << 16);
    }
    /// TTL 0 or 1.
    Quad is_last_hop() const noexcept { return equal(hops & every(0xfe), every(0)); }
};

/// All ones where it is.
struct QuadProtocol {
    explicit QuadProtocol(Quad protocol) noexcept
        : udp(equal(protocol, every(kProtocolUdp))), tcp(equal(protocol, every(kProtocolTcp))) {}

    Quad udp, tcp;
};

}  // namespace homeward::pipeline
