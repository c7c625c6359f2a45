#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "pipeline/headers.h"
#include "pipeline/outer_frame.h"
#include "pipeline/output.h"
#include "tables/binding.h"
#include "tables/routes.h"

namespace homeward::pipeline {

/// The express lane's view of one packet.
///
/// Theory of operation. Packets go through the lane in groups of eight. For each packet of a group its binding's line
/// is asked for, whose place follows from one address, and the headers of the packet one group behind. Then the group
/// two before it is judged, changed and sent. Large policies are looked up in between, a step a group. So the misses of
/// one group pass while others are worked on, and those of a group pass together, translations of addresses above all:
/// a prefetch waits for its own, and what is behind it waits too, but eight in a row wait at once. Many more than eight
/// would be more than the processor can hold.
///
/// Four packets that go one way, whose device checks and computes checksums, are judged and changed side by side
/// (quad.h): most of what there is to do is the same for each, and what a processor has too little of are loads and
/// stores, of which a quad needs half. When one of the four is not as the others, they are sorted by a look at their
/// headers, tunnel data for us, a packet to a home address, or anything else, and go one by one.
///
/// Every check of a packet precedes every change to it: when one fails, the packet is as it came and goes, with its
/// neighbours of the same kind, through the general stages. Those alone know errors, fragments, options, ICMP, SYNs and
/// whatever needs more than a word of state, and they alone name drops. The lane may therefore give up on any packet,
/// but must never do with one what the stages would not: tests/packets compares the two.
///
/// With the lines at hand the cost is the number of loads and stores, and of instructions (docs/performance.md has
/// both); that is why what a run has in common (`Egress`, counters) is kept out of the packets' loops.
struct alignas(32) Express {
    enum class Lane : std::uint8_t {
        encap,  ///< `binding` is the destination's
        decap,  ///< tunnel data: `binding` is the inner source's
        general,
    };

    rte_mbuf* mbuf = nullptr;  ///< once it is sorted
    Ipv4Header* ip = nullptr;
    const tables::Binding* binding = nullptr;  ///< or no place at all: Directory::Reader::has_page
    std::uint32_t length = 0;                  ///< of the IP packet, once it is sorted
};
static_assert(sizeof(Express) == 32);

/// By which uplink a packet goes to its node.
struct Chosen {
    tables::UplinkWord uplink;
    unsigned mtu = 0;  ///< of its tunnel; 0: there is no such uplink
};

/// Where a packet leaves, complete with its Ethernet header. Packets mostly leave the way of the one before, or of
/// those of the other direction, so the last two answers are kept for as long as what they were found in does not
/// change.
struct Egress {
    static constexpr std::uint64_t kNoRoute = 2;  ///< the bits of no route, nor of any cell in which one is looked for

    std::uint64_t gateway_route =
        kNoRoute;                    ///< bits of the tables::Route; kNoRoute: none yet, or one without a gateway
    std::uint64_t route = kNoRoute;  ///< the same, whatever route it is
    std::uint32_t next_hop = 0;
    std::uint32_t mtu = 0;         ///< bytes of IP packet; 0: the express lane cannot use it
    std::uint32_t tunnel_mtu = 0;  ///< the same for a packet that is to go into a tunnel
    std::uint32_t summed_mtu = 0;  ///< the same if the port is to compute the tunnel's checksums, both; else 0
    Quad summed_mtus{};            ///< the same
    std::uint16_t port = tables::kNoPort;
    EthernetHeader header{};
    OuterFrame outer;                ///< the same header and a tunnel's
    std::uint64_t tunnel_flags = 0;  ///< of a packet behind `outer`, besides those of its buffer
    bool checksum_offload = false;   ///< the port computes IPv4 and UDP checksums
    bool udp_offload = false;        ///< UDP's at least

    /// Whether it is this way.
    bool leads(tables::Route by, std::uint32_t to) const noexcept { return by.bits() == route && to == next_hop; }
    /// No packet has a way out any more. The rest is written again before it is read.
    void forget() noexcept {
        gateway_route = route = kNoRoute;
        mtu = tunnel_mtu = summed_mtu = 0;
        summed_mtus = Quad{};
    }
};

/// Of what an egress is found in beyond its route: numbers that change when it does.
struct EgressSources {
    std::uint32_t shared = 0, neighbours = 0;

    friend bool operator==(const EgressSources&, const EgressSources&) = default;
};

/// From `begin` on, and as far as the express lane got without a packet for the general stages: frames of a call that
/// are ready and all leave the same way. Their pointers lie one behind the other and are listed at once.
struct Leaving {
    rte_mbuf** frames = nullptr;
    unsigned begin = 0;
};

/// What packets of one kind add to the counters.
struct Tally {
    std::uint32_t packets = 0;
    std::uint32_t bytes = 0;

    void add(std::uint32_t more, std::uint32_t more_bytes) noexcept {
        packets += more;
        bytes += more_bytes;
    }
};

/// What a burst adds to them.
struct Carried {
    Tally up, down;
};

}  // namespace homeward::pipeline
