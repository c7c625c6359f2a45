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
#include "usual_descriptor.h"

namespace homeward::pipeline {
namespace {

constexpr unsigned kEthernet = sizeof(EthernetHeader);
/// Packets that take each step together: as many lines, and translations of their addresses, are asked for at once.
constexpr unsigned kGroup = kAhead;

/// What the device did not find right, or what is not as with the burst's first.
[[gnu::noinline]] bool plain_otherwise(const rte_mbuf& mbuf, const Ipv4Header& ip, const UsualDescriptor& usual) {
    if (!usual.is_like(mbuf) || (mbuf.ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_NONE) {
        return false;
    }
    const std::uint64_t checked = mbuf.ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK;
    return checked == RTE_MBUF_F_RX_IP_CKSUM_GOOD || (checked != RTE_MBUF_F_RX_IP_CKSUM_BAD && plain_header_holds(ip));
}

/// One segment, our MAC, IPv4 without options, not a fragment, all there, header checksum right. Not: its length
/// suffices for the header.
[[gnu::always_inline]] inline bool plain(const rte_mbuf& mbuf, const std::uint8_t* frame, const PlainBeginning& ours,
                                         const UsualDescriptor& usual) {
    const auto& ip = *reinterpret_cast<const Ipv4Header*>(frame + kEthernet);
    // A shorter frame is looked at beyond its end, in its buffer, and then found to be too short for its length.
    if (!ours.is_of(frame) || (ip.fragment.raw() & be16{Ipv4Header::kMoreFragments | Ipv4Header::kOffset}.raw()) != 0 ||
        ip.total_length.host() + kEthernet > mbuf.data_len) [[unlikely]] {
        return false;
    }
    if (!usual.is_of(mbuf)) [[unlikely]] {
        return plain_otherwise(mbuf, ip, usual);
    }
    return true;  // of the transport header the device knows nothing bad
}

/// Tunnel data that carries IPv4 and has no number.
bool plain_tunnel_data(const TunnelHeader& tunnel) {
    constexpr TunnelHeader kPlain = {HOMEWARD_TUNNEL_TYPE_DATA, HOMEWARD_NEXT_HEADER_IPV4, {}};
    return std::bit_cast<std::uint32_t>(tunnel) == std::bit_cast<std::uint32_t>(kPlain);
}

}  // namespace

/// Visits the group's numbers; of a full one, as most are, without a loop.
template <class Visit>
[[gnu::always_inline]] inline void Pipeline::each(Group group, const Visit& visit) {
    const std::size_t begin = group.begin;
    const std::size_t count = group.end - group.begin;
    if (count == kGroup) [[likely]] {
#pragma GCC unroll 8
        for (std::size_t i = 0; i < kGroup; ++i) {
            visit(begin + i);
        }
        return;
    }
    for (std::size_t i = 0; i < count; ++i) {
        visit(begin + i);
    }
}

/// Express packets, and runs of others through the general stages, in the order in which they came.
void Pipeline::run_in_order(std::uint16_t port, rte_mbuf** frames, unsigned count) {
    return indexed_ ? run_lagging<true>(port, frames, count) : run_lagging<false>(port, frames, count);
}

/// A group of packets is sorted, then one that was sorted before is sent. `kIndexed`: large policies are looked up on
/// the way, a step for each group in between.
template <bool kIndexed>
void Pipeline::run_lagging(std::uint16_t port, rte_mbuf** frames, unsigned count) {
    leaving_ = {frames, 0};
    const PlainBeginning ours{shared_->ports[port].mac};
    const UsualDescriptor usual{*frames[0]};
    lent_ = usual.lent();
    constexpr unsigned kLag = (kIndexed ? 2 : 1) * kGroup;
    const auto group_at = [count](unsigned at) { return Group{std::min(at, count), std::min(at + kGroup, count)}; };
    unsigned done = 0;  // frames before it are dealt with; the ones from it on wait for a general run
    for (unsigned at = 0; at < count + kLag; at += kGroup) {
        if (kIndexed && at >= kGroup) {
            begin_policies(group_at(at - kGroup));
        }
        if (at < count) [[likely]] {
            ask(frames, group_at(at), count);
            sort(group_at(at), ours, usual);
        }
        if (kIndexed && at >= kGroup) {
            descend_policies(group_at(at - kGroup));
        }
        if (at >= kLag) [[likely]] {
            if (kIndexed) {
                settle_policies(group_at(at - kLag));
            }
            done = send<kIndexed>(group_at(at - kLag), port, frames, done);
        }
    }
    count_carried();
    push_leaving(done);
    if (done != count) {
        run_general(port, Source::wire, frames + done, count - done);
    }
}

/// Those of the express lane, behind what waits before them for a general run. Returns how far everything is dealt
/// with, if `done` was.
template <bool kIndexed>
[[gnu::always_inline]] inline unsigned Pipeline::send(Group group, std::uint16_t port, rte_mbuf** frames,
                                                      unsigned done) {
    if (done == group.begin && group.end - group.begin == kGroup) [[likely]] {
        if (all_take(group, Express::Lane::encap)) {
            done = send_encap<kIndexed>(done);
        } else if (all_take(group, Express::Lane::decap)) {
            done = send_decap(done);
        }
        if (done == group.end) [[likely]] {
            return done;
        }
    }
    return send_mixed<kIndexed>(group, port, frames, done);
}

/// Of a full group.
[[gnu::always_inline]] inline bool Pipeline::all_take(Group group, Express::Lane lane) const {
    std::uint64_t lanes = 0;
    static_assert(sizeof lanes == kGroup * sizeof(Express::Lane));
    std::memcpy(&lanes, &lanes_[group.begin], sizeof lanes);
    return lanes == static_cast<std::uint64_t>(lane) * 0x0101010101010101;
}

/// A full group that takes one lane, as far as its packets leave by it. Out of the way, so that their registers are
/// for nothing else.
template <bool kIndexed>
[[gnu::noinline]] unsigned Pipeline::send_encap(unsigned begin) {
    const Express* packet = &express_[begin];
    const Express* const end = packet + kGroup;
    std::uint32_t bytes = 0;
    while (packet != end && express_encap<kIndexed>(*packet, bytes)) {
        ++packet;
    }
    const auto sent = static_cast<unsigned>(packet - &express_[begin]);
    carried_.down.add(sent, bytes);
    return begin + sent;
}

[[gnu::noinline]] unsigned Pipeline::send_decap(unsigned begin) {
    const Express* packet = &express_[begin];
    const Express* const end = packet + kGroup;
    std::uint32_t bytes = 0;
    while (packet != end && express_decap(*packet, bytes)) {
        ++packet;
    }
    const auto sent = static_cast<unsigned>(packet - &express_[begin]);
    carried_.up.add(sent, bytes);
    return begin + sent;
}

/// Any group, from `done` or its beginning on.
template <bool kIndexed>
[[gnu::noinline]] unsigned Pipeline::send_mixed(Group group, std::uint16_t port, rte_mbuf** frames, unsigned done) {
    for (unsigned i = std::max(group.begin, done); i < group.end; ++i) {
        if (lanes_[i] == Express::Lane::general) {
            continue;
        }
        if (done != i) {
            push_leaving(done);
            run_general(port, Source::wire, frames + done, i - done);
            leaving_.begin = done = i;
        }
        const Express& packet = express_[i];
        const bool up = lanes_[i] == Express::Lane::decap;
        std::uint32_t bytes = 0;
        if (up ? express_decap(packet, bytes) : express_encap<kIndexed>(packet, bytes)) {
            (up ? carried_.up : carried_.down).add(1, bytes);
            ++done;
        }
    }
    return done;
}

/// Those before `end`, with everything that was pushed before them in front.
[[gnu::noinline]] void Pipeline::push_leaving(unsigned end) {
    rte_mbuf** from = leaving_.frames + leaving_.begin;
    const unsigned count = end - std::exchange(leaving_.begin, end);
    const unsigned pushed = count == 0 ? 0 : egress_.list->push(from, count);
    for (unsigned i = pushed; i < count; ++i) {
        drop(from[i], stats::Drop::output_full);
    }
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

[[gnu::noinline]] void Pipeline::begin_policies(Group group) {
    each(group, [&](std::size_t i) {
        Express& packet = express_[i];
        packet.table = nullptr;
        if (lanes_[i] != Express::Lane::encap) [[unlikely]] {
            return;
        }
        const tables::Policy* policy = packet.binding->policy.load(std::memory_order_acquire);
        if (policy != nullptr && !policy->table.small()) [[likely]] {
            packet.table = &policy->table;
            packet.cursor = policy->table.begin(packet.ip->from());
        }
    });
}

[[gnu::noinline]] void Pipeline::descend_policies(Group group) {
    each(group, [&](std::size_t i) {
        if (Express& packet = express_[i]; packet.table != nullptr) [[likely]] {
            packet.table->descend(packet.cursor);
        }
    });
}

[[gnu::noinline]] void Pipeline::settle_policies(Group group) {
    each(group, [&](std::size_t i) {
        if (Express& packet = express_[i]; packet.table != nullptr) [[likely]] {
            packet.lead = policy::Table::settle(packet.cursor);
            large_seen_ = true;
        }
    });
}

/// For the headers of the next group, and for the line of each packet's binding: its place follows from an address that
/// is where it is in every packet of the express lane. Of others it may be any place, or none.
[[gnu::always_inline]] inline void Pipeline::ask(rte_mbuf** frames, Group group, unsigned count) {
    each({group.end, std::min(group.end + kGroup, count)}, [frames](std::size_t i) { prefetch_headers(frames[i]); });
    // At hand: for all that the compiler knows, what is written here is where they are kept.
    const tables::Directory::Reader homes = directory_;
    const be32 home_agent = home_agent_;
    each(group, [&](std::size_t i) {
        auto* begin = rte_pktmbuf_mtod(frames[i], std::uint8_t*);
        auto& ip = *reinterpret_cast<Ipv4Header*>(begin + kEthernet);
        const auto& inner = *reinterpret_cast<const Ipv4Header*>(begin + kEthernet + sizeof(TunnelHeaders));
        Express& packet = express_[i];
        packet.mbuf = frames[i];
        packet.ip = &ip;
        packet.binding = homes.home_slot(ip.destination == home_agent ? inner.from() : ip.to());
        rte_prefetch0(packet.binding);
    });
}

/// By the headers alone.
[[gnu::always_inline]] inline void Pipeline::sort(Group group, const PlainBeginning& ours,
                                                  const UsualDescriptor& usual) {
    for (unsigned i = group.begin; i < group.end; ++i) {
        Express& packet = express_[i];
        const auto* begin = reinterpret_cast<const std::uint8_t*>(packet.ip) - kEthernet;
        lanes_[i] = tables::Directory::Reader::has_page(packet.binding) && plain(*packet.mbuf, begin, ours, usual)
                        ? sort_plain(packet)
                        : Express::Lane::general;
    }
}

[[gnu::always_inline]] inline Express::Lane Pipeline::sort_plain(Express& packet) const {
    const Ipv4Header& ip = *packet.ip;
    packet.length = ip.total_length.host();
    if (ip.destination == home_agent_) [[unlikely]] {  // the way down is the longer one: it has no jump here
        return sort_tunnelled(packet, reinterpret_cast<const TunnelHeaders&>(ip));
    }
    // Lines that nobody has touched so far and encapsulation will write: the one in front of the frame, where the
    // tunnel's headers begin, and the descriptor's second one, with the lengths for the checksum offload.
    __builtin_prefetch(reinterpret_cast<const std::uint8_t*>(&ip) - OuterFrame::kSize, 1);
    rte_mbuf_prefetch_part2(packet.mbuf);
    return Express::Lane::encap;
}

[[gnu::always_inline]] inline Express::Lane Pipeline::sort_tunnelled(const Express& packet,
                                                                     const TunnelHeaders& headers) const {
    if (headers.ip.protocol != kProtocolUdp || packet.length < sizeof headers + sizeof(Ipv4Header) ||
        headers.udp.destination_port != tunnel_port_ || !plain_tunnel_data(headers.tunnel)) {
        return Express::Lane::general;
    }
    const auto& inner = *reinterpret_cast<const Ipv4Header*>(&headers + 1);
    rte_prefetch0(&inner + 1);
    routes_.prefetch(inner.destination);
    return Express::Lane::decap;
}

/// `egress_` becomes the way to `to`, if it is not already: a route without a gateway leads to many next hops. What is
/// before `packet` still leaves by the old one.
void Pipeline::change_egress(wire::Ipv4Address to, const Express& packet) {
    const tables::Route route = routes_.lookup(to);
    const std::uint32_t gateway = route.gateway().host();
    const std::uint32_t next_hop = gateway == 0 ? to.host() : gateway;
    if (route.bits() == egress_.route && next_hop == egress_.next_hop) {
        return;
    }
    push_leaving(static_cast<unsigned>(&packet - express_.data()));
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
    const bool summed = port.tx_checksum_offload && shared_->settings.udp_checksum == ipc::Checksum::compute;
    egress_.summed_mtu = summed ? egress_.tunnel_mtu : 0;
    egress_.tunnel_flags = lent_ | (port.tx_checksum_offload ? tunnel_flags(true, summed) : 0);
    egress_.list = &output_->tx[number];
    output_->tx_ports |= 1U << number;
}

}  // namespace homeward::pipeline
