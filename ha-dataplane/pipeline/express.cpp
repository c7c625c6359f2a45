#include "pipeline/express.h"

#include <homeward/tunnel.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "checksum.h"
#include "express_decap.h"
#include "express_encap.h"
#include "pipeline/pipeline.h"
#include "plain_beginning.h"
#include "prefetch.h"

namespace homeward::pipeline {
namespace {

constexpr unsigned kEthernet = sizeof(EthernetHeader);
/// How many packets behind the sorting a packet is sent: its binding takes up to 300 cycles to come. And when policies
/// are looked up in between: the steps of that, and the sending behind them.
constexpr unsigned kLag = 10;
constexpr unsigned kBeginLag = 5, kDescendLag = 8, kIndexedLag = Express::kMostLag;
static_assert(kLag <= Express::kMostLag);

/// What the device did not find right.
[[gnu::noinline]] bool checked_here(const rte_mbuf& mbuf, const Ipv4Header& ip) {
    if ((mbuf.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE) {
        return false;
    }
    const std::uint64_t checked = mbuf.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    return checked == RTE_MBUF_F_RX_IP_CKSUM_GOOD || (checked != RTE_MBUF_F_RX_IP_CKSUM_BAD && plain_header_holds(ip));
}

/// One segment, our MAC, IPv4 without options, not a fragment, all there, header checksum right. Not: its length
/// suffices for the header.
[[gnu::always_inline]] inline bool plain(const rte_mbuf& mbuf, const std::uint8_t* frame, const PlainBeginning& ours) {
    const auto& ip = *reinterpret_cast<const Ipv4Header*>(frame + kEthernet);
    // A shorter frame is looked at beyond its end, in its buffer, and then found to be too short for its length.
    if (mbuf.nb_segs != 1 || !ours.is_of(frame) ||
        (ip.fragment.raw() & be16{Ipv4Header::kMoreFragments | Ipv4Header::kOffset}.raw()) != 0 ||
        ip.total_length.host() + kEthernet > mbuf.data_len) [[unlikely]] {
        return false;
    }
    constexpr std::uint64_t kAnyBad = RTE_MBUF_F_RX_IP_CKSUM_BAD | RTE_MBUF_F_RX_L4_CKSUM_BAD;
    if ((mbuf.ol_flags & (kAnyBad | RTE_MBUF_F_RX_IP_CKSUM_GOOD)) != RTE_MBUF_F_RX_IP_CKSUM_GOOD) [[unlikely]] {
        return checked_here(mbuf, ip);
    }
    return true;  // of the transport header the device knows nothing bad
}

/// Tunnel data that carries IPv4 and has no number.
bool plain_tunnel_data(const TunnelHeader& tunnel) {
    constexpr TunnelHeader kPlain = {HOMEWARD_TUNNEL_TYPE_DATA, HOMEWARD_NEXT_HEADER_IPV4, {}};
    return std::bit_cast<std::uint32_t>(tunnel) == std::bit_cast<std::uint32_t>(kPlain);
}

}  // namespace

/// Express packets, and runs of others through the general stages, in the order in which they came. A packet is sorted,
/// then one that was sorted before is sent, so that lines are asked for at an even pace: of a group sorted at once they
/// fill all the line fill buffers, and everything waits. One loop, so that each step is there once and inlined.
void Pipeline::run_in_order(std::uint16_t port, rte_mbuf** frames, unsigned count) {
    return indexed_ ? run_lagging<true>(port, frames, count) : run_lagging<false>(port, frames, count);
}

/// `kIndexed`: large policies are looked up on the way.
template <bool kIndexed>
void Pipeline::run_lagging(std::uint16_t port, rte_mbuf** frames, unsigned count) {
    const PlainBeginning ours{shared_->ports[port].mac};
    const unsigned lag = kIndexed ? kIndexedLag : std::min(kLag, count);
    Express* const sorted = express_.data() + Express::kMostLag;
    unsigned done = 0;  // frames before it are dealt with; the ones from it on wait for a general run
    for (unsigned at = 0; at < count + lag; ++at) {
        if (at < count) [[likely]] {
            if (at + kAhead < count) [[likely]] {
                prefetch_headers(frames[at + kAhead]);
            }
            sort(sorted[at], frames[at], ours);
        }
        if constexpr (kIndexed) {
            look_up_policies(at, count);
        }
        const Express& due = express_[Express::kMostLag - lag + at];  // before the first packet's turn, a general one
        if (due.lane == Express::Lane::general) [[unlikely]] {
            continue;
        }
        const unsigned i = at - lag;
        if (done != i) [[unlikely]] {
            run_general(port, Source::wire, frames + done, i - done);
            done = i;
        }
        done += send_express(due) ? 1U : 0U;
    }
    count_carried();
    if (done != count) {
        run_general(port, Source::wire, frames + done, count - done);
    }
}

/// False: the packet is as it came, for the general stages.
[[gnu::always_inline]] inline bool Pipeline::send_express(const Express& packet) {
    return packet.lane == Express::Lane::encap ? express_encap(packet) : express_decap(packet);
}

void Pipeline::count_carried() {
    const auto [up, down] = std::exchange(carried_, {});
    if (up.packets != 0) {
        counters_.count(stats::Event::uplink_packets, up.packets);
        counters_.count(stats::Event::uplink_bytes, up.bytes);
    }
    if (down.packets != 0) {
        counters_.count(stats::Event::downlink_packets, down.packets);
        counters_.count(stats::Event::downlink_bytes, down.bytes);
        indexed_ = std::exchange(large_seen_, false);
    }
}

/// One step further with each packet whose turn it is when the one at `at` was sorted. Before the first packet's turn
/// the difference wraps and is no index either.
[[gnu::noinline]] void Pipeline::look_up_policies(unsigned at, unsigned count) {
    Express* const sorted = express_.data() + Express::kMostLag;
    if (at - kBeginLag < count) {
        begin_policy(sorted[at - kBeginLag]);
    }
    if (at - kDescendLag < count && sorted[at - kDescendLag].table != nullptr) {
        Express& packet = sorted[at - kDescendLag];
        packet.table->descend(packet.cursor);
    }
}

void Pipeline::begin_policy(Express& packet) {
    packet.table = nullptr;
    if (packet.lane != Express::Lane::encap) {
        return;
    }
    const tables::Policy* policy = packet.binding->policy.load(std::memory_order_acquire);
    if (policy != nullptr && !policy->table.small()) {
        packet.table = &policy->table;
        packet.cursor = policy->table.begin(packet.ip->from());
    }
}

/// By the headers alone; asks for the binding's line.
[[gnu::always_inline]] inline void Pipeline::sort(Express& packet, rte_mbuf* frame, const PlainBeginning& ours) const {
    auto* begin = rte_pktmbuf_mtod(frame, std::uint8_t*);
    packet.mbuf = frame;
    packet.ip = reinterpret_cast<Ipv4Header*>(begin + kEthernet);
    packet.lane = plain(*frame, begin, ours) ? sort_plain(packet, begin) : Express::Lane::general;
}

[[gnu::always_inline]] inline Express::Lane Pipeline::sort_plain(Express& packet, const std::uint8_t* begin) const {
    const Ipv4Header& ip = *reinterpret_cast<const Ipv4Header*>(begin + kEthernet);
    packet.length = ip.total_length.host();
    if (ip.destination == home_agent_) {
        return sort_tunnelled(packet, *reinterpret_cast<const TunnelHeaders*>(begin + kEthernet));
    }
    packet.binding = directory_.home_slot(ip.to());
    if (packet.binding == nullptr) [[unlikely]] {
        return Express::Lane::general;
    }
    rte_prefetch0(packet.binding);
    // Lines that nobody has touched so far and encapsulation will write: the one in front of the frame, where the
    // tunnel's headers begin, and the descriptor's second one, with the lengths for the checksum offload.
    __builtin_prefetch(begin - sizeof(TunnelHeaders), 1);
    rte_mbuf_prefetch_part2(packet.mbuf);
    return Express::Lane::encap;
}

[[gnu::always_inline]] inline Express::Lane Pipeline::sort_tunnelled(Express& packet,
                                                                     const TunnelHeaders& headers) const {
    if (headers.ip.protocol != kProtocolUdp || packet.length < sizeof headers + sizeof(Ipv4Header) ||
        headers.udp.destination_port != tunnel_port_ || !plain_tunnel_data(headers.tunnel)) {
        return Express::Lane::general;
    }
    const auto& inner = *reinterpret_cast<const Ipv4Header*>(&headers + 1);
    rte_prefetch0(&inner + 1);
    const tables::Binding* binding = directory_.home_slot(inner.from());
    if (binding == nullptr) [[unlikely]] {
        return Express::Lane::general;
    }
    packet.binding = binding;
    rte_prefetch0(binding);
    routes_.prefetch(inner.destination);
    return Express::Lane::decap;
}

/// `egress_` becomes the way to `to`, if it is not already: a route without a gateway leads to many next hops.
void Pipeline::change_egress(wire::Ipv4Address to) {
    const tables::Route route = routes_.lookup(to);
    const std::uint32_t gateway = route.gateway().host();
    const std::uint32_t next_hop = gateway == 0 ? to.host() : gateway;
    if (route.bits() == egress_.route && next_hop == egress_.next_hop) {
        return;
    }
    egress_.forget();
    egress_.route = route.bits();
    egress_.gateway_route = gateway == 0 ? Egress::kNoRoute : route.bits();
    egress_.next_hop = next_hop;
    if (route.kind() == tables::RouteKind::unicast && route.port() < tables::kMaxPorts) {
        open_egress(route.port(), wire::Ipv4Address{next_hop});
    }
}

/// If the port and the neighbour are there.
void Pipeline::open_egress(std::uint16_t number, wire::Ipv4Address next_hop) {
    const tables::Port& port = shared_->ports[number];
    const tables::NeighbourWord neighbour = neighbours_.lookup(number, next_hop);
    if (!port.present || !port.up || neighbour.state() != tables::NeighbourState::reachable) {
        return;
    }
    egress_.mtu = port.mtu;
    egress_.tunnel_mtu = port.mtu - std::min<std::uint32_t>(port.mtu, sizeof(TunnelHeaders));
    egress_.header = {neighbour.mac(), port.mac, be16{kEtherTypeIpv4}};
    egress_.outer = OuterFrame{egress_.header, shared_->settings};
    egress_.checksum_offload = port.tx_checksum_offload;
    egress_.udp_offload = port.tx_udp_offload;
    egress_.pseudo_sum = port.tx_checksum_offload && shared_->settings.udp_checksum == ipc::Checksum::compute;
    egress_.tunnel_flags = port.tx_checksum_offload ? tunnel_flags(true, egress_.pseudo_sum) : 0;
    egress_.list = &output_->tx[number];
    output_->tx_ports |= 1U << number;
}

}  // namespace homeward::pipeline
