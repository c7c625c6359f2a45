#include "pipeline/pipeline.h"

namespace homeward::pipeline {

using stats::Drop;
using stats::Event;
using tables::Route;
using tables::RouteKind;

/// Where a packet goes by its destination: to a node, to the kernel, or on.
void Pipeline::dispatch(Packet& packet) {
    const bool bound = packet.binding != nullptr && packet.binding->bound() && shared_->settled;
    if (packet.source == Source::kernel) {
        // A broken header would be wrapped as it is; the kernel makes none, raw sockets may.
        if (bound && header_valid(packet) && strip_link(packet)) {
            downlink_.push(&packet);
        } else if (packet.mbuf != nullptr && !bound) {
            leave_by_port(packet);
        }
        return;
    }
    if (bound) {
        if (packet.link_group) {
            return drop(packet, Drop::forward_broadcast);
        }
        if (packet.source == Source::tunnel) {
            counters_.count(Event::hairpin_packets);
        }
        if (strip_link(packet)) {
            downlink_.push(&packet);
        }
        return;
    }
    if (packet.source == Source::tunnel) {
        return dispatch_inner(packet, routes_.lookup(packet.ip->to()));
    }
    dispatch_wire(packet);
}

void Pipeline::dispatch_wire(Packet& packet) {
    const wire::Ipv4Address to = packet.ip->to();
    if (to.host() >> 28 >= 0xe) {
        return to_kernel(packet, KernelClass::other);  // multicast and limited broadcast: routing protocols, DHCP
    }
    const Route route = routes_.lookup(to);
    if (route.kind() == RouteKind::local) {
        if (!tunnel_error(packet)) {
            to_kernel(packet, is_registration(packet) ? KernelClass::registration : KernelClass::other);
        }
        return;
    }
    if (route.kind() == RouteKind::broadcast && packet.link_group && route.port() == packet.port) {
        return to_kernel(packet, KernelClass::other);
    }
    // RFC 1812 §5.3.4 and RFC 2644: neither link broadcasts nor directed broadcasts are forwarded.
    if (packet.link_group || route.kind() == RouteKind::broadcast) {
        return drop(packet, Drop::forward_broadcast);
    }
    if (strip_link(packet)) {
        counters_.count(Event::transit_packets);
        transit_.push(&packet);
    }
}

/// Out of a tunnel, to neither a node nor an echo. The kernel gets it from the port that the node's home network is
/// on, because that is where its reverse-path filter expects the home address.
void Pipeline::dispatch_inner(Packet& packet, Route route) {
    if (route.kind() == RouteKind::broadcast) {
        return drop(packet, Drop::decap_bad_destination);
    }
    if (route.kind() != RouteKind::local) {
        transit_.push(&packet);
        return;
    }
    const tables::HomeNetwork* home = shared_->home_network(packet.ip->from());
    const bool proxied_on_port = home != nullptr && home->port != tables::kNoPort;
    const std::uint16_t owner = route.port() != tables::kNoPort ? route.port() : packet.port;
    inject(packet, proxied_on_port ? home->port : owner);
}

/// Takes the Ethernet header and any padding off. Drops the packet when false.
bool Pipeline::strip_link(Packet& packet) {
    if (!packet.framed) {
        return true;
    }
    packet.framed = false;
    const unsigned padding =
        rte_pktmbuf_pkt_len(packet.mbuf) - static_cast<unsigned>(sizeof(EthernetHeader)) - packet.length();
    if (rte_pktmbuf_trim(packet.mbuf, static_cast<std::uint16_t>(padding)) != 0 ||
        rte_pktmbuf_adj(packet.mbuf, sizeof(EthernetHeader)) == nullptr) {
        drop(packet, Drop::classify_bad_header);
        return false;
    }
    forget_offloads(*packet.mbuf);
    return true;
}

bool Pipeline::is_registration(const Packet& packet) const {
    if (packet.ip->protocol != kProtocolUdp || packet.ip->is_later_fragment()) {
        return false;
    }
    const auto* udp = reinterpret_cast<const UdpHeader*>(packet.transport(sizeof(UdpHeader)));
    return udp != nullptr && udp->destination_port.host() == shared_->settings.tunnel_port;
}

}  // namespace homeward::pipeline
