#include "pipeline/express.h"

#include <homeward/tunnel.h>

#include <cstring>

#include "checksum.h"
#include "pipeline/pipeline.h"
#include "prefetch.h"

namespace homeward::pipeline {
namespace {

constexpr unsigned kEthernet = sizeof(EthernetHeader);

/// The first eight bytes of a frame to `mac`; the last two are anybody's.
std::uint64_t beginning(const tables::MacAddress& mac) {
    std::uint64_t word = 0;
    std::memcpy(&word, mac.data(), mac.size());
    return word;
}

/// One segment, our MAC, IPv4 without options, not a fragment, all there, header checksum right.
bool plain(const rte_mbuf& mbuf, const std::uint8_t* frame, std::uint64_t our_mac) {
    constexpr std::uint32_t kPlainIpv4 = 0x450008, kTypeAndVersion = 0xffffff;  // bytes 08 00 45, as they are loaded
    std::uint64_t destination = 0;
    std::uint32_t type = 0;
    std::memcpy(&destination, frame, sizeof destination);
    std::memcpy(&type, frame + offsetof(EthernetHeader, type), sizeof type);
    const auto& ip = *reinterpret_cast<const Ipv4Header*>(frame + kEthernet);
    if (mbuf.nb_segs != 1 || mbuf.data_len < kEthernet + sizeof(Ipv4Header) || destination << 16 != our_mac << 16 ||
        (type & kTypeAndVersion) != kPlainIpv4 ||
        (ip.fragment.raw() & be16{Ipv4Header::kMoreFragments | Ipv4Header::kOffset}.raw()) != 0) {
        return false;
    }
    const unsigned length = ip.total_length.host();
    if (length < sizeof(Ipv4Header) || length > mbuf.data_len - kEthernet) {
        return false;
    }
    if ((mbuf.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE) {
        return false;
    }
    const std::uint64_t checked = mbuf.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    return checked == RTE_MBUF_F_RX_IP_CKSUM_GOOD || (checked != RTE_MBUF_F_RX_IP_CKSUM_BAD && plain_header_holds(ip));
}

}  // namespace

/// Express packets and runs of others in the order in which they came.
void Pipeline::run_in_order(std::uint16_t port, rte_mbuf** frames, unsigned count) {
    const std::uint64_t our_mac = beginning(shared_->ports[port].mac);
    for (unsigned i = 0; i < count; ++i) {
        if (i + kAhead < count) {
            prefetch_frame(frames[i + kAhead]);
        }
        sort(express_[i], frames[i], our_mac);
    }
    look_up_policies(count);
    unsigned done = 0;  // frames before it are dealt with; from it to i they wait for a general run
    for (unsigned i = 0; i < count;) {
        const unsigned end = run_end(i, count);
        if (express_[i].lane == Express::Lane::general) {
            i = end;
            continue;
        }
        if (done != i) {
            run_general(port, Source::wire, frames + done, i - done);
        }
        done = express_[i].lane == Express::Lane::decap ? express_decap(i, end) : express_encap(i, end);
        i = done == end ? end : done + 1;
    }
    if (done != count) {
        run_general(port, Source::wire, frames + done, count - done);
    }
}

/// The end of the run of packets of one kind that begins at `first`.
unsigned Pipeline::run_end(unsigned first, unsigned count) const {
    unsigned end = first + 1;
    while (end < count && express_[end].lane == express_[first].lane) {
        ++end;
    }
    return end;
}

/// The list of candidates of each encapsulation: at once in a small table, else step by step for all of them.
void Pipeline::look_up_policies(unsigned count) {
    struct Lookup {
        Express* packet;
        const policy::Table* table;
        policy::Table::Cursor cursor;
    };
    std::array<Lookup, kBurst> lookups;
    unsigned waiting = 0;
    for (unsigned i = 0; i < count; ++i) {
        Express& packet = express_[i];
        if (packet.lane != Express::Lane::encap) {
            continue;
        }
        const tables::Policy* policy = packet.binding->policy.load(std::memory_order_acquire);
        if (policy == nullptr) {
            packet.candidate = nullptr;
        } else if (policy->table.small()) {
            packet.candidate = &policy->table.first(packet.ip->from());
        } else {
            lookups[waiting++] = {&packet, &policy->table, policy->table.begin(packet.ip->from())};
        }
    }
    for (unsigned i = 0; i < waiting; ++i) {
        lookups[i].table->descend(lookups[i].cursor);
    }
    for (unsigned i = 0; i < waiting; ++i) {
        lookups[i].packet->candidate = &lookups[i].table->settle(lookups[i].cursor);
    }
}

/// By the headers alone; asks for the binding's line.
inline void Pipeline::sort(Express& packet, rte_mbuf* frame, std::uint64_t our_mac) const {
    auto* begin = rte_pktmbuf_mtod(frame, std::uint8_t*);
    auto* ip = reinterpret_cast<Ipv4Header*>(begin + kEthernet);
    packet.lane = Express::Lane::general;
    if (!plain(*frame, begin, our_mac)) {
        return;
    }
    packet.mbuf = frame;
    packet.ip = ip;
    if (ip->destination != home_agent_) {
        packet.binding = directory_.slot(ip->to());
        if (packet.binding != nullptr) {
            rte_prefetch0(packet.binding);
            // Lines that nobody has touched so far and encapsulation will write: the one in front of the frame, where
            // the tunnel's headers begin, and the descriptor's second one, with the lengths for the checksum offload.
            __builtin_prefetch(begin - sizeof(TunnelHeaders), 1);
            rte_mbuf_prefetch_part2(frame);
            routes_.prefetch(ip->from());
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

/// `egress_` becomes the way by `route` to `next_hop`. False: there is none, or its neighbour is not known.
bool Pipeline::resolve(tables::Route route, std::uint32_t next_hop) {
    egress_ = {};
    egress_.route = route.bits();
    egress_.next_hop = next_hop;
    if (route.kind() != tables::RouteKind::unicast || route.port() >= tables::kMaxPorts) {
        return false;
    }
    const tables::Port& port = shared_->ports[route.port()];
    const tables::NeighbourWord neighbour = neighbours_.lookup(route.port(), wire::Ipv4Address{next_hop});
    if (!port.present || !port.up || neighbour.state() != tables::NeighbourState::reachable) {
        return false;
    }
    egress_.port = route.port();
    egress_.mtu = port.mtu;
    egress_.header = {neighbour.mac(), port.mac, be16{kEtherTypeIpv4}};
    egress_.outer = OuterFrame{egress_.header, shared_->settings};
    egress_.checksum_offload = port.tx_checksum_offload;
    egress_.udp_offload = port.tx_udp_offload;
    egress_.pseudo_sum = port.tx_checksum_offload && shared_->settings.udp_checksum == ipc::Checksum::compute;
    egress_.tunnel_flags = port.tx_checksum_offload ? tunnel_flags(true, egress_.pseudo_sum) : 0;
    egress_.list = &output_->tx[egress_.port];
    output_->tx_ports |= 1U << egress_.port;
    return true;
}

}  // namespace homeward::pipeline
