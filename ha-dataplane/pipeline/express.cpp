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
#include "prefetch.h"

namespace homeward::pipeline {
namespace {

constexpr unsigned kEthernet = sizeof(EthernetHeader);
/// How many packets a step takes before the next step's turn: a packet's binding takes up to 300 cycles to come.
constexpr unsigned kGroup = 8;
/// Steps between sorting and sending, with and without looking policies up in between.
constexpr unsigned kSteps = 1, kIndexedSteps = 3;

/// A MAC address as the upper six bytes of a word, and the same of what begins with one.
std::uint64_t upper_six(const void* mac) {
    std::uint64_t word = 0;
    std::memcpy(&word, mac, sizeof word);
    return word << 16;
}

std::uint64_t word_of(const tables::MacAddress& mac) {
    std::uint8_t padded[8] = {};
    std::copy(mac.begin(), mac.end(), padded);
    return upper_six(padded);
}

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
[[gnu::always_inline]] inline bool plain(const rte_mbuf& mbuf, const std::uint8_t* frame, std::uint64_t our_mac) {
    constexpr std::uint32_t kPlainIpv4 = 0x450008, kTypeAndVersion = 0xffffff;  // bytes 08 00 45, as they are loaded
    std::uint32_t type = 0;
    std::memcpy(&type, frame + offsetof(EthernetHeader, type), sizeof type);
    const auto& ip = *reinterpret_cast<const Ipv4Header*>(frame + kEthernet);
    // A shorter frame is looked at beyond its end, in its buffer, and then found to be too short for its length.
    if (mbuf.nb_segs != 1 || upper_six(frame) != our_mac || (type & kTypeAndVersion) != kPlainIpv4 ||
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

/// Express packets, and runs of others through the general stages, in the order in which they came. A group is sorted,
/// and sent when the next one was, or some steps later when its policies are large.
void Pipeline::run_in_order(std::uint16_t port, rte_mbuf** frames, unsigned count) {
    const std::uint64_t our_mac = word_of(shared_->ports[port].mac);
    const bool indexed = indexed_;
    const unsigned lag = kGroup * (indexed ? kIndexedSteps : kSteps);
    unsigned done = 0;
    for (unsigned at = 0; at < count + lag; at += kGroup) {
        sort_group(frames, at, count, our_mac);
        if (indexed) {
            begin_policies(at - kGroup, count);
            descend_policies(at - 2 * kGroup, count);
        }
        done = send_group(port, frames, at - lag, std::min(at - lag + kGroup, count), done);
    }
    count_carried();
    if (done != count) {
        run_general(port, Source::wire, frames + done, count - done);
    }
}

[[gnu::always_inline]] inline void Pipeline::sort_group(rte_mbuf** frames, unsigned first, unsigned count,
                                                        std::uint64_t our_mac) {
    const unsigned end = std::min(first + kGroup, count);
    for (unsigned i = first; i < end; ++i) {
        if (i + kAhead < count) {
            prefetch_headers(frames[i + kAhead]);
        }
        sort(express_[i], frames[i], our_mac);
    }
}

/// Frames before `done` are dealt with; those from it on that are not express packets wait for a general run.
[[gnu::always_inline]] inline unsigned Pipeline::send_group(std::uint16_t port, rte_mbuf** frames, unsigned first,
                                                            unsigned end, unsigned done) {
    for (unsigned i = first; i < end; ++i) {
        const Express& packet = express_[i];
        const Express::Lane lane = packet.lane;
        if (lane == Express::Lane::general) {
            continue;
        }
        if (done != i) [[unlikely]] {
            run_general(port, Source::wire, frames + done, i - done);
            done = i;
        }
        done += lane == Express::Lane::encap ? express_encap(packet) : express_decap(packet);
    }
    return done;
}

void Pipeline::count_carried() {
    const auto [up, down] = std::exchange(carried_, {});
    if (up.packets() != 0) {
        counters_.count(stats::Event::uplink_packets, up.packets());
        counters_.count(stats::Event::uplink_bytes, up.bytes());
    }
    if (down.packets() != 0) {
        counters_.count(stats::Event::downlink_packets, down.packets());
        counters_.count(stats::Event::downlink_bytes, down.bytes());
        indexed_ = std::exchange(large_seen_, false);
    }
}

/// Before its first packet's turn a step's `first` has wrapped and is no index.
void Pipeline::begin_policies(unsigned first, unsigned count) {
    for (unsigned i = first; i < std::min(first + kGroup, count); ++i) {
        Express& packet = express_[i];
        packet.table = nullptr;
        if (packet.lane != Express::Lane::encap) {
            continue;
        }
        const tables::Policy* policy = packet.binding->policy.load(std::memory_order_acquire);
        if (policy != nullptr && !policy->table.small()) {
            packet.table = &policy->table;
            packet.cursor = policy->table.begin(packet.ip->from());
        }
    }
}

void Pipeline::descend_policies(unsigned first, unsigned count) {
    for (unsigned i = first; i < std::min(first + kGroup, count); ++i) {
        if (Express& packet = express_[i]; packet.table != nullptr) {
            packet.table->descend(packet.cursor);
        }
    }
}

/// By the headers alone; asks for the binding's line.
[[gnu::always_inline]] inline void Pipeline::sort(Express& packet, rte_mbuf* frame, std::uint64_t our_mac) const {
    auto* begin = rte_pktmbuf_mtod(frame, std::uint8_t*);
    packet.mbuf = frame;
    packet.ip = reinterpret_cast<Ipv4Header*>(begin + kEthernet);
    packet.lane = Express::Lane::general;
    if (plain(*frame, begin, our_mac)) [[likely]] {
        packet.lane = lane_of(packet, begin);
    }
}

[[gnu::always_inline]] inline Express::Lane Pipeline::lane_of(Express& packet, const std::uint8_t* begin) const {
    const Ipv4Header& ip = *reinterpret_cast<const Ipv4Header*>(begin + kEthernet);
    packet.length = ip.total_length.host();
    if (ip.destination == home_agent_) {
        return lane_of_tunnelled(packet, *reinterpret_cast<const TunnelHeaders*>(begin + kEthernet));
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
    routes_.prefetch(ip.from());
    return Express::Lane::encap;
}

[[gnu::always_inline]] inline Express::Lane Pipeline::lane_of_tunnelled(Express& packet,
                                                                        const TunnelHeaders& headers) const {
    if (headers.ip.protocol != kProtocolUdp || packet.length < sizeof headers + sizeof(Ipv4Header) ||
        headers.udp.destination_port != tunnel_port_ || !plain_tunnel_data(headers.tunnel)) {
        return Express::Lane::general;
    }
    const auto& inner = *reinterpret_cast<const Ipv4Header*>(&headers + 1);
    rte_prefetch0(&inner + 1);
    packet.binding = directory_.home_slot(inner.from());
    routes_.prefetch(inner.to());
    if (packet.binding == nullptr) [[unlikely]] {
        return Express::Lane::general;
    }
    rte_prefetch0(packet.binding);
    return Express::Lane::decap;
}

void Pipeline::change_egress(wire::Ipv4Address to) {
    const tables::Route route = routes_.lookup(to);
    const std::uint32_t gateway = route.gateway().host();
    const std::uint32_t next_hop = gateway == 0 ? to.host() : gateway;
    if (route.bits() == egress_.route && next_hop == egress_.next_hop) {
        return;
    }
    egress_.forget();
    egress_.route = route.bits();
    egress_.gateway_route = gateway == 0 ? 0 : route.bits();
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
    egress_.tunnel_mtu =
        static_cast<std::uint16_t>(std::max<unsigned>(port.mtu, sizeof(TunnelHeaders)) - sizeof(TunnelHeaders));
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
