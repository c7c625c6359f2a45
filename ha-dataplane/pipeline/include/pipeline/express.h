#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "pipeline/headers.h"
#include "tables/binding.h"

namespace homeward::pipeline {

/// The express lane's view of one packet.
///
/// Theory of operation. A burst is sorted by a look at its headers: tunnel data for us, a packet to a home address, or
/// anything else; the binding's line is asked for. The policies are looked up step by step for the whole burst. Then
/// each packet is judged, and at last the packets are taken in their order, so that no flow is reordered. Each of these
/// passes is short, so that the processor has many packets' loads under way at once. Every check precedes every
/// change: when one fails, the packet is as it came and goes, with its neighbours of the same kind, through the
/// general stages. Those alone know errors, fragments, options, ICMP, SYNs
/// and whatever needs more than a word of state, and they alone name drops. The lane may therefore give up on any
/// packet, but must never do with one what the stages would not: tests/packets compares the two.
struct Express {
    enum class Lane : std::uint8_t {
        general,
        decap,  ///< tunnel data: `binding` is the inner source's
        encap,  ///< `binding` is the destination's
    };

    rte_mbuf* mbuf = nullptr;
    Ipv4Header* ip = nullptr;
    const tables::Binding* binding = nullptr;
    const tables::Policy* policy = nullptr;
    policy::Table::Cursor cursor;  ///< of the policy, for the source
    tables::UplinkWord uplink;     ///< encap: the chosen one
    std::uint16_t tunnel_mtu = 0;  ///< its
    Lane lane = Lane::general;
};

/// Where a packet leaves, complete with its Ethernet header. Packets of a burst mostly leave the same way, so the last
/// answer is kept for as long as one call of the pipeline takes.
struct Egress {
    std::uint64_t route = 0;  ///< bits of the tables::Route; 0: none yet
    std::uint32_t next_hop = 0;
    std::uint16_t port = 0;
    std::uint16_t mtu = 0;  ///< bytes of IP packet; 0: the express lane cannot use it
    bool checksum_offload = false;
    EthernetHeader header{};
};

}  // namespace homeward::pipeline
