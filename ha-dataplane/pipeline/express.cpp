#include "pipeline/express.h"

#include <homeward/tunnel.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "checksum.h"
#include "pipeline/pipeline.h"
#include "prefetch.h"

namespace homeward::pipeline {
namespace {

constexpr unsigned kEthernet = sizeof(EthernetHeader);
/// How many packets behind the sorting a packet's further steps are: its binding's line takes up to 300 cycles to come.
constexpr unsigned kBeginLag = 5, kDescendLag = 7, kSettleLag = 10, kActLag = 10;

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
    // A shorter frame is looked at beyond its end, in its buffer, and then found to be too short for its length.
    if (mbuf.nb_segs != 1 || destination << 16 != our_mac << 16 || (type & kTypeAndVersion) != kPlainIpv4 ||
        (ip.fragment.raw() & be16{Ipv4Header::kMoreFragments | Ipv4Header::kOffset}.raw()) != 0) {
        return false;
    }
    const unsigned length = ip.total_length.host();
    if (length < sizeof(Ipv4Header) || length + kEthernet > mbuf.data_len) {
        return false;
    }
    constexpr std::uint64_t kAnyBad = RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
    if ((mbuf.ol_flags & (kAnyBad | RTE_MBUF_F_RX_IP_CKSUM_GOOD)) == RTE_MBUF_F_RX_IP_CKSUM_GOOD) [[likely]] {
        return true;  // of the transport header the device knows nothing bad
    }
    if ((mbuf.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE) {
        return false;
    }
    const std::uint64_t checked = mbuf.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    return checked == RTE_MBUF_F_RX_IP_CKSUM_GOOD || (checked != RTE_MBUF_F_RX_IP_CKSUM_BAD && plain_header_holds(ip));
}

/// Tunnel data that carries IPv4 and has no number.
bool plain_tunnel_data(const TunnelHeader& tunnel) {
    constexpr TunnelHeader kPlain = {HOMEWARD_TUNNEL_TYPE_DATA, HOMEWARD_NEXT_HEADER_IPV4, {}};
    return std::bit_cast<std::uint32_t>(tunnel) == std::bit_cast<std::uint32_t>(kPlain);
}

}  // namespace

/// Express packets, and runs of others through the general stages, in the order in which they came.
void Pipeline::run_in_order(std::uint16_t port, rte_mbuf** frames, unsigned count) {
    const std::uint64_t our_mac = beginning(shared_->ports[port].mac);
    const unsigned lag = std::min(count, kActLag);
    const bool indexed = indexed_;
    unsigned done = 0;  // frames before it are dealt with; the ones from it on wait for a general run
    for (unsigned at = 0; at < lag; ++at) {
        sort(express_[at], frames, at, count, our_mac);
    }
    for (unsigned at = lag; at < count; ++at) {
        sort(express_[at], frames, at, count, our_mac);
        if (indexed) {
            look_up_policies(at, count);
        }
        act(port, frames, at - lag, done);
    }
    for (unsigned at = count; at < count + lag; ++at) {
        if (indexed) {
            look_up_policies(at, count);
        }
        act(port, frames, at - lag, done);
    }
    count_carried();
    if (done != count) {
        run_general(port, Source::wire, frames + done, count - done);
    }
}

[[gnu::always_inline]] inline void Pipeline::act(std::uint16_t port, rte_mbuf** frames, unsigned i, unsigned& done) {
    Express& packet = express_[i];
    if (packet.lane == Express::Lane::general) {
        return;
    }
    if (done != i) [[unlikely]] {
        run_general(port, Source::wire, frames + done, i - done);
        done = i;
    }
    const bool gone = packet.lane == Express::Lane::decap ? express_decap(packet) : express_encap(packet);
    done += gone ? 1 : 0;
}

void Pipeline::count_carried() {
    const auto carried = std::exchange(carried_, {});
    if (carried.up.packets != 0) {
        counters_.count(stats::Event::uplink_packets, carried.up.packets);
        counters_.count(stats::Event::uplink_bytes, carried.up.bytes);
    }
    if (carried.down.packets != 0) {
        counters_.count(stats::Event::downlink_packets, carried.down.packets);
        counters_.count(stats::Event::downlink_bytes, carried.down.bytes);
        indexed_ = std::exchange(large_seen_, false);
    }
}

/// One step further with each packet whose turn it is when the one at `at` was sorted. Before the first packet's turn
/// the difference wraps and is no index either.
void Pipeline::look_up_policies(unsigned at, unsigned count) {
    if (at - kBeginLag < count) {
        begin_policy(express_[at - kBeginLag]);
    }
    if (at - kDescendLag < count) {
        Express& packet = express_[at - kDescendLag];
        if (packet.table != nullptr) {
            packet.table->descend(packet.cursor);
        }
    }
    if (at - kSettleLag < count) {
        Express& packet = express_[at - kSettleLag];
        if (packet.table != nullptr) {
            packet.choice = &packet.table->settle(packet.cursor);
        }
    }
}

inline void Pipeline::begin_policy(Express& packet) {
    if (packet.lane != Express::Lane::encap) {
        return;
    }
    const tables::Policy* policy = packet.binding->policy.load(std::memory_order_acquire);
    if (policy != nullptr && !policy->table.small()) {
        packet.table = &policy->table;
        packet.cursor = policy->table.begin(packet.ip->from());
    }
}

/// By the headers alone; asks for the binding's line, and for those of a frame further on.
inline void Pipeline::sort(Express& packet, rte_mbuf** frames, unsigned at, unsigned count,
                           std::uint64_t our_mac) const {
    prefetch_frame(frames[std::min(at + kAhead, count - 1)]);
    rte_mbuf* frame = frames[at];
    auto* begin = rte_pktmbuf_mtod(frame, std::uint8_t*);
    auto* ip = reinterpret_cast<Ipv4Header*>(begin + kEthernet);
    packet.lane = Express::Lane::general;
    packet.table = nullptr;
    packet.choice = nullptr;
    if (!plain(*frame, begin, our_mac)) {
        return;
    }
    packet.mbuf = frame;
    packet.ip = ip;
    if (ip->destination != home_agent_) {
        packet.binding = directory_.home_slot(ip->to());
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
        headers.udp.destination_port.host() != shared_->settings.tunnel_port || !plain_tunnel_data(headers.tunnel)) {
        return;
    }
    const auto& inner = *reinterpret_cast<const Ipv4Header*>(&headers + 1);
    packet.binding = directory_.home_slot(inner.from());
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
