#include "pipeline/pipeline.h"
#include "way_out.h"

namespace homeward::pipeline {

using stats::Event;

/// Proxy ARP for bound home addresses (RFC 5944 §4.6), on the link of their home network only; the kernel, which
/// shares that link through its TAP twin, is answered too. Everything else is between the kernel and the link.
void Pipeline::arp(Packet& packet) {
    const bool from_wire = packet.source == Source::wire;
    auto* ethernet = rte_pktmbuf_mtod(packet.mbuf, EthernetHeader*);
    auto* request = reinterpret_cast<ArpPacket*>(ethernet + 1);
    if (rte_pktmbuf_data_len(packet.mbuf) < sizeof *ethernet + sizeof *request || !proxied(*request, packet.port)) {
        return from_wire ? to_kernel(packet, KernelClass::arp) : leave_by_port(packet);
    }
    const tables::MacAddress& mac = shared_->ports[packet.port].mac;
    ethernet->destination = request->sender_mac;
    ethernet->source = mac;
    request->operation = be16{ArpPacket::kReply};
    request->target_mac = request->sender_mac;
    request->sender_mac = mac;
    std::swap(request->sender_address, request->target_address);
    counters_.count(Event::arp_replies);
    forget_offloads(*packet.mbuf);
    from_wire ? push_tx(packet.port, packet.mbuf) : push_to_kernel(packet.port, KernelClass::arp, packet.mbuf);
}

/// A request for an address we stand in for. Announcements (sender = target) are not requests: the node itself may be
/// back on its link and say so before it deregisters. A probe (RFC 5227, sender 0) is answered: the address is in use.
bool Pipeline::proxied(const ArpPacket& request, std::uint16_t port) const {
    if (!request.ethernet_ipv4() || request.operation.host() != ArpPacket::kRequest ||
        (request.sender_mac[0] & 1) != 0 || request.sender_address == request.target_address) {
        return false;
    }
    const wire::Ipv4Address target{request.target_address};
    const tables::HomeNetwork* network = shared_->home_network(target);
    if (network == nullptr || network->port != port) {
        return false;
    }
    const tables::Binding* binding = directory_.slot(target);
    return binding != nullptr && binding->bound();
}

}  // namespace homeward::pipeline
