#include "pipeline/pipeline.h"

namespace homeward::pipeline {
namespace {

using stats::Drop;
using stats::Event;

/// Far more than fragments of one datagram ever lie apart, far less than whoever puts them together waits.
constexpr std::uint64_t kPatienceMs = 50;

bool same_datagram(const Ipv4Header& a, const Ipv4Header& b) {
    return a.id == b.id && a.source == b.source && a.destination == b.destination && a.protocol == b.protocol;
}

Ipv4Header& header_of(const EarlyFragments::Entry& entry) {
    return *rte_pktmbuf_mtod(entry.mbuf, Ipv4Header*);
}

}  // namespace

/// Whether the packet is kept until its first fragment tells the port that the policy asks for.
bool Pipeline::hold_early(Packet& packet, const policy::Table& table, const policy::FlowKey& key) {
    if (key.has_port || packet.waited || !packet.ip->is_later_fragment() || !has_ports(key.protocol) ||
        !table.asks_for_port(key) || !early_.hold(packet, now_)) {
        return false;
    }
    counters_.count(Event::fragments_early);
    packet.mbuf = nullptr;
    return true;
}

/// The first fragment is here, and what waited for it follows it.
void Pipeline::release_early(const Ipv4Header& first) {
    if (early_.empty()) {
        return;
    }
    for (EarlyFragments::Entry& entry : early_.entries()) {
        if (entry.mbuf != nullptr && same_datagram(header_of(entry), first)) {
            send_early(entry);
        }
    }
}

/// To the end of what goes to nodes. Stays where it is when this call has no room for it any more.
void Pipeline::send_early(EarlyFragments::Entry& entry) {
    Packet* packet = new_packet();
    if (packet == nullptr) {
        return;
    }
    packet->mbuf = entry.mbuf;
    packet->ip = &header_of(entry);
    packet->port = entry.port;
    packet->source = entry.source;
    packet->framed = false;
    packet->waited = true;
    packet->binding = directory_.slot(packet->ip->to());
    early_.release(entry);
    // The node may have gone meanwhile.
    if (packet->binding == nullptr || !packet->binding->bound()) {
        return drop(*packet, Drop::encap_no_uplink);
    }
    downlink_.push(packet);
}

/// Their first one does not come: they go by the rules that ask for no port.
void Pipeline::expire_early() {
    packet_count_ = 0;
    downlink_.count = 0;
    for (EarlyFragments::Entry& entry : early_.entries()) {
        if (entry.mbuf != nullptr && now_ - entry.since >= kPatienceMs * tsc_hz_ / 1000) {
            counters_.count(Event::fragments_alone);
            send_early(entry);
        }
    }
    encap_all();
}

}  // namespace homeward::pipeline
