#include "pipeline/express.h"

#include <homeward/tunnel.h>

#include <cstring>

#include "checksum.h"
#include "pipeline/pipeline.h"
#include "prefetch.h"

namespace homeward::pipeline {
namespace {

constexpr unsigned kEthernet = sizeof(EthernetHeader);

bool for_mac(const EthernetHeader& ethernet, const tables::MacAddress& mac) {
    std::uint32_t low = 0, our_low = 0;
    std::uint16_t high = 0, our_high = 0;
    std::memcpy(&low, ethernet.destination.data(), 4);
    std::memcpy(&high, ethernet.destination.data() + 4, 2);
    std::memcpy(&our_low, mac.data(), 4);
    std::memcpy(&our_high, mac.data() + 4, 2);
    return low == our_low && high == our_high;
}

/// One segment, our MAC, IPv4 without options, not a fragment, all there, header checksum right.
bool plain(const rte_mbuf& mbuf, const EthernetHeader& ethernet, const Ipv4Header& ip, const tables::Port& port) {
    if (mbuf.nb_segs != 1 || mbuf.data_len < kEthernet + sizeof(Ipv4Header) || ethernet.type != be16{kEtherTypeIpv4} ||
        !for_mac(ethernet, port.mac) || ip.version_ihl != 0x45 ||
        (ip.fragment.raw() & be16{Ipv4Header::kMoreFragments | Ipv4Header::kOffset}.raw()) != 0) {
        return false;
    }
    const unsigned length = ip.total_length.host();
    if (length < sizeof(Ipv4Header) || length > mbuf.data_len - kEthernet) {
        return false;
    }
    const std::uint64_t checked = mbuf.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    return checked == RTE_MBUF_F_RX_IP_CKSUM_GOOD || (checked != RTE_MBUF_F_RX_IP_CKSUM_BAD && plain_header_holds(ip));
}

}  // namespace

/// Express packets and runs of others in the order in which they came.
void Pipeline::run_in_order(std::uint16_t port, rte_mbuf** frames, unsigned count) {
    const tables::Port& in = shared_->ports[port];
    for (unsigned i = 0; i < count; ++i) {
        if (i + kAhead < count) {
            prefetch_frame(frames[i + kAhead]);
        }
        sort(express_[i], frames[i], in);
    }
    look_up_policies(count);
    judge(count);
    unsigned done = 0;  // frames before it are dealt with; from it to i they wait for a general run
    for (unsigned i = 0; i < count; ++i) {
        const Express::Lane lane = express_[i].lane;
        if (lane == Express::Lane::general) {
            continue;
        }
        if (done != i) {
            run_general(port, Source::wire, frames + done, i - done);
        }
        done = i + 1;
        if (!(lane == Express::Lane::decap ? express_decap(express_[i]) : express_encap(express_[i]))) {
            done = i;
        }
    }
    if (done != count) {
        run_general(port, Source::wire, frames + done, count - done);
    }
}

/// Begins the lookups of all encapsulations and takes them as far as the list of candidates, step by step.
void Pipeline::look_up_policies(unsigned count) {
    std::array<Express*, kBurst> looking;
    unsigned lookups = 0;
    for (unsigned i = 0; i < count; ++i) {
        Express& packet = express_[i];
        if (packet.lane == Express::Lane::encap) {
            routes_.prefetch(packet.ip->from());
            packet.policy = packet.binding->policy.load(std::memory_order_acquire);
            if (packet.policy != nullptr) {
                packet.cursor = packet.policy->table.begin(packet.ip->from());
                looking[lookups++] = &packet;
            }
        }
    }
    for (unsigned i = 0; i < lookups; ++i) {
        looking[i]->policy->table.descend(looking[i]->cursor);
    }
    for (unsigned i = 0; i < lookups; ++i) {
        looking[i]->policy->table.settle(looking[i]->cursor);
    }
}

/// What does not qualify leaves the lane.
void Pipeline::judge(unsigned count) {
    for (unsigned i = 0; i < count; ++i) {
        Express& packet = express_[i];
        if (packet.lane == Express::Lane::encap && !may_encap(packet)) {
            packet.lane = Express::Lane::general;
        }
    }
}

/// By the headers alone; asks for the binding's line.
void Pipeline::sort(Express& packet, rte_mbuf* frame, const tables::Port& port) const {
    auto* ethernet = rte_pktmbuf_mtod(frame, EthernetHeader*);
    auto* ip = reinterpret_cast<Ipv4Header*>(ethernet + 1);
    packet.lane = Express::Lane::general;
    if (!plain(*frame, *ethernet, *ip, port)) {
        return;
    }
    packet.mbuf = frame;
    packet.ip = ip;
    if (ip->destination.host() != shared_->settings.home_agent) {
        packet.binding = directory_.slot(ip->to());
        if (packet.binding != nullptr) {
            rte_prefetch0(packet.binding);
            // Lines that nobody has touched so far and encapsulation will write: the one in front of the frame, where
            // the tunnel's headers begin, and the descriptor's second one, with the lengths for the checksum offload.
            __builtin_prefetch(reinterpret_cast<std::uint8_t*>(ethernet) - sizeof(TunnelHeaders), 1);
            rte_mbuf_prefetch_part2(frame);
            packet.lane = Express::Lane::encap;
        }
        return;
    }
    constexpr unsigned kHeaders = sizeof(TunnelHeaders) + sizeof(Ipv4Header);
    const auto& headers = *reinterpret_cast<const TunnelHeaders*>(ip);
    if (ip->protocol != kProtocolUdp || ip->total_length.host() < kHeaders ||
        headers.udp.destination_port.host() != shared_->settings.tunnel_port ||
        headers.tunnel.type != HOMEWARD_TUNNEL_TYPE_DATA || headers.tunnel.next_header != HOMEWARD_NEXT_HEADER_IPV4) {
        return;
    }
    const auto& inner = *reinterpret_cast<const Ipv4Header*>(&headers + 1);
    packet.binding = directory_.slot(inner.from());
    routes_.prefetch(inner.to());
    if (packet.binding != nullptr) {
        rte_prefetch0(packet.binding);
        packet.lane = Express::Lane::decap;
    }
}

/// Whether `egress_` is now the way to `to`, with a neighbour that is there.
bool Pipeline::resolve(wire::Ipv4Address to) {
    const tables::Route route = routes_.lookup(to);
    const std::uint32_t next = route.gateway().is_zero() ? to.host() : route.gateway().host();
    if (route.bits() == egress_.route && next == egress_.next_hop) {
        return egress_.mtu != 0;
    }
    egress_ = {};
    egress_.route = route.bits();
    egress_.next_hop = next;
    if (route.kind() != tables::RouteKind::unicast || route.port() >= tables::kMaxPorts) {
        return false;
    }
    const tables::Port& port = shared_->ports[route.port()];
    const tables::NeighbourWord neighbour = neighbours_.lookup(route.port(), wire::Ipv4Address{next});
    if (!port.present || !port.up || neighbour.state() != tables::NeighbourState::reachable) {
        return false;
    }
    egress_.port = route.port();
    egress_.mtu = port.mtu;
    egress_.checksum_offload = port.tx_checksum_offload;
    egress_.header = {neighbour.mac(), port.mac, be16{kEtherTypeIpv4}};
    return true;
}

/// Puts the Ethernet header in front of `ip`, makes the frame begin there and end `length` bytes behind, and sends it.
void Pipeline::leave(rte_mbuf* frame, Ipv4Header* ip, unsigned length) {
    auto* ethernet = reinterpret_cast<EthernetHeader*>(ip) - 1;
    std::memcpy(ethernet, &egress_.header, sizeof egress_.header);
    frame->data_off = static_cast<std::uint16_t>(reinterpret_cast<std::uint8_t*>(ethernet) -
                                                 static_cast<std::uint8_t*>(frame->buf_addr));
    frame->data_len = static_cast<std::uint16_t>(kEthernet + length);
    frame->pkt_len = kEthernet + length;
    push_tx(egress_.port, frame);
}

}  // namespace homeward::pipeline
