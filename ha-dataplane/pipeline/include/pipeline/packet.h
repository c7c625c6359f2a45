#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "pipeline/headers.h"
#include "tables/binding.h"
#include "tables/shared.h"

namespace homeward::pipeline {

/// Where a packet came from, which decides what it may do: only what others sent is forwarded (TTL − 1).
enum class Source : std::uint8_t {
    wire,    ///< received, not through a tunnel
    tunnel,  ///< received through a tunnel
    kernel,  ///< our own kernel sent it
    own,     ///< the pipeline made it: ICMP errors, echo replies
};

/// What the stages know about one packet while its burst is worked on. `mbuf` begins with the Ethernet header as long
/// as `framed`, afterwards with `ip`, until transmission puts a new Ethernet header in front.
struct Packet {
    rte_mbuf* mbuf = nullptr;
    Ipv4Header* ip = nullptr;
    const tables::Binding* binding = nullptr;  ///< the node it goes to
    const tables::Binding* through = nullptr;  ///< the node whose tunnel it came out of
    std::uint16_t port = tables::kNoPort;      ///< where it came in
    Source source = Source::wire;
    bool framed = true;
    bool link_group = false;    ///< came as link-layer broadcast or multicast
    bool wrapped = false;       ///< carries our tunnel headers; with UDP its checksum is open
    bool waited = false;        ///< for its first fragment; it waits no more
    tables::UplinkWord uplink;  ///< chosen, or for `through` the one it came by
    tables::UplinkWord second;  ///< of Mode::redundant: by which a copy leaves
    std::uint16_t tunnel_mtu = 0;

    unsigned length() const noexcept { return ip->total_length.host(); }
    /// Bytes of the packet that lie in its first segment, from `ip` on.
    unsigned contiguous() const noexcept {
        return static_cast<unsigned>(rte_pktmbuf_data_len(mbuf) -
                                     (reinterpret_cast<std::uint8_t*>(ip) - rte_pktmbuf_mtod(mbuf, std::uint8_t*)));
    }
    /// The transport header if its first `size` bytes are there to be read, else null. Fragments: the caller's.
    std::uint8_t* transport(unsigned size) const noexcept {
        const unsigned offset = ip->header_length();
        return offset + size <= length() && offset + size <= contiguous() ? ip->payload() : nullptr;
    }
};

/// Flags of a buffer that is not the pool's: drivers may lend their own, and freeing depends on that.
inline constexpr std::uint64_t kLent = RTE_MBUF_F_EXTERNAL | RTE_MBUF_F_INDIRECT;

/// What the driver noted on receipt does not hold for what the packet becomes. Where its buffer lies still does.
inline void forget_offloads(rte_mbuf& mbuf) noexcept {
    mbuf.ol_flags &= kLent;
}

/// Lengths of the headers in front of an outer UDP header, as the device wants them told.
inline constexpr std::uint64_t kTunnelOffload = sizeof(EthernetHeader) | sizeof(Ipv4Header) << RTE_MBUF_L2_LEN_BITS;

constexpr std::uint64_t tunnel_flags(bool ip, bool udp) noexcept {
    return RTE_MBUF_F_TX_IPV4 | (ip ? RTE_MBUF_F_TX_IP_CKSUM : 0) | (udp ? RTE_MBUF_F_TX_UDP_CKSUM : 0);
}

/// Tells the device to compute the checksums of an outer IPv4 header and of the datagram in it, whose field has the
/// pseudo header's sum.
inline void request_offloads(rte_mbuf& mbuf, bool ip, bool udp) noexcept {
    mbuf.tx_offload = kTunnelOffload;
    mbuf.ol_flags |= tunnel_flags(ip, udp);
}

}  // namespace homeward::pipeline
