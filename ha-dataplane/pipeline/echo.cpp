#include <rte_ip.h>

#include <utility>

#include "checksum.h"
#include "pipeline/pipeline.h"

namespace homeward::pipeline {

using stats::Drop;
using stats::Event;

namespace {

/// Keepalives are one per some seconds; this leaves room for a person's `ping` and none for a flood.
constexpr std::uint32_t kEchoesPerSecond = 1000;

}  // namespace

bool Pipeline::is_echo(const Packet& packet) const {
    const Ipv4Header& ip = *packet.ip;
    if (ip.destination.host() != shared_->settings.home_agent || ip.protocol != kProtocolIcmp || ip.is_fragment()) {
        return false;
    }
    const auto* icmp = reinterpret_cast<const IcmpHeader*>(packet.transport(sizeof(IcmpHeader)));
    return icmp != nullptr && icmp->type == IcmpHeader::kEcho && icmp->code == 0;
}

/// RFC 3519 §4.5 keepalive. The reply leaves by the tunnel the request came by, whatever the policy says: answered
/// through another uplink it would prove nothing about this one's NAT mapping. What came in fragments and is too big
/// for the tunnel goes back in fragments.
void Pipeline::echo(Packet& packet) {
    Ipv4Header& ip = *packet.ip;
    std::uint16_t sum = 0;
    if (rte_raw_cksum_mbuf(packet.mbuf, ip.header_length(), packet.length() - ip.header_length(), &sum) != 0 ||
        sum != 0xffff) {
        return drop(packet, Drop::echo_checksum);
    }
    if (!echo_limit_.allow(ip.source.host(), now_, tsc_hz_, kEchoesPerSecond)) {
        return drop(packet, Drop::echo_rate);
    }
    auto& icmp = *reinterpret_cast<IcmpHeader*>(ip.payload());
    icmp.type = IcmpHeader::kEchoReply;
    icmp.checksum = updated(icmp.checksum, IcmpHeader::kEcho << 8, IcmpHeader::kEchoReply << 8);
    std::swap(ip.source, ip.destination);
    ip.ttl = kTunnelTtl;
    set_checksum(ip);
    packet.source = Source::own;
    const bool too_big = packet.length() > packet.tunnel_mtu;
    if (too_big && ip.dont_fragment()) {
        return drop(packet, Drop::encap_too_big);
    }
    counters_.count(Event::echo_replies);
    too_big ? fragment(packet, packet.tunnel_mtu, &Pipeline::wrap) : wrap(packet);
}

}  // namespace homeward::pipeline
