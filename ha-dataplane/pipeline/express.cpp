#include "pipeline/express.h"

#include <homeward/tunnel.h>
#include <rte_prefetch.h>

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "checksum.h"
#include "express_decap.h"
#include "express_encap.h"
#include "pipeline/pipeline.h"
#include "pipeline/plain_beginning.h"
#include "pipeline/usual_descriptor.h"
#include "quad_decap.h"
#include "quad_encap.h"

namespace homeward::pipeline {
namespace {

constexpr unsigned kEthernet = sizeof(EthernetHeader);

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
    return std::bit_cast<std::uint32_t>(tunnel) == kPlainTunnelData;
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

/// What a group of packets needs is asked for, then the group two before it is sent. `kIndexed`: large policies are
/// looked up on the way, a step for each group in between.
template <bool kIndexed>
void Pipeline::run_lagging(std::uint16_t port, rte_mbuf** frames, unsigned count) {
    leaving_ = {frames, 0};
    ours_ = PlainBeginning{shared_->ports[port].mac};
    usual_ = UsualDescriptor{*frames[0]};
    side_by_side_ = usual_.may_be_read_ahead();
    constexpr unsigned kLag = 2 * kGroup;
    const auto group_at = [count](unsigned at) { return Group{std::min(at, count), std::min(at + kGroup, count)}; };
    expect(frames, group_at(0));
    unsigned done = 0;  // frames before it are dealt with; the ones from it on wait for a general run
    for (unsigned at = 0; at < count + kLag; at += kGroup) {
        if (kIndexed && at >= kGroup) {
            begin_policies(group_at(at - kGroup));
        }
        if (at < count) [[likely]] {
            ask(frames, group_at(at), count);
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
    if (side_by_side_ && done == group.begin) [[likely]] {
        done = send_quads<kIndexed>(frames, group);
    }
    return done == group.end ? done : send_rest<kIndexed>({std::max(done, group.begin), group.end}, port, frames, done);
}

/// As far as whole quads take one lane.
template <bool kIndexed>
[[gnu::always_inline]] inline unsigned Pipeline::send_quads(rte_mbuf** frames, Group group) {
    return up_in(group.begin) != 0 ? send_decap(frames, group) : send_encap<kIndexed>(frames, group);
}

/// The first quad does not take a lane as one; each behind it may again.
template <bool kIndexed>
[[gnu::noinline]] unsigned Pipeline::send_rest(Group group, std::uint16_t port, rte_mbuf** frames, unsigned done) {
    const unsigned step = side_by_side_ ? kQuad : kGroup;
    for (unsigned at = group.begin; at < group.end; at += step) {
        if (side_by_side_ && done == at && at != group.begin) {
            at = done = send_quads<kIndexed>(frames, {at, group.end});
        }
        const Group next{at, std::min(at + step, group.end)};
        sort(frames, next);
        done = send_mixed<kIndexed>(next, port, frames, done);
    }
    return done;
}

/// Whole quads of packets that may all take one lane, as far as they do and leave by it. Out of the way, so that their
/// registers are for nothing else.
template <bool kIndexed>
[[gnu::noinline]] unsigned Pipeline::send_encap(rte_mbuf** frames, Group group) {
    Quad bytes{};
    unsigned at = group.begin;
    while (at + kQuad <= group.end && up_in(at) == 0 && quad_encap<kIndexed>(frames + at, &express_[at], bytes)) {
        at += kQuad;
    }
    carried_.down.add(at - group.begin, bytes[0] + bytes[1] + bytes[2] + bytes[3]);
    return at;
}

[[gnu::noinline]] unsigned Pipeline::send_decap(rte_mbuf** frames, Group group) {
    Quad bytes{};
    unsigned at = group.begin;
    while (at + kQuad <= group.end && up_in(at) == 0xf && quad_decap(frames + at, &express_[at], bytes)) {
        at += kQuad;
    }
    carried_.up.add(at - group.begin, bytes[0] + bytes[1] + bytes[2] + bytes[3]);
    return at;
}

/// Of a quad, a bit for each packet that goes to the home agent's address.
[[gnu::always_inline]] inline unsigned Pipeline::up_in(unsigned quad) const {
    return up_[quad / kGroup] >> quad % kGroup & 0xf;
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
    if (count == 0) {
        return;
    }
    const unsigned pushed = output_->tx[egress_.port].push(from, count);
    output_->tx_ports |= 1U << egress_.port;
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

/// For the headers of these frames.
[[gnu::always_inline]] inline void Pipeline::expect(rte_mbuf** frames, Group group) {
    each(group, [&](std::size_t i) {
        auto* begin = rte_pktmbuf_mtod(frames[i], std::uint8_t*);
        rte_prefetch0(begin);
        express_[i].ip = reinterpret_cast<Ipv4Header*>(begin + kEthernet);
    });
}

/// For the headers of the next group, and for the line of each packet's binding: its place follows from an address that
/// is where it is in every packet of the express lane. Of others it may be any place, or none.
[[gnu::always_inline]] inline void Pipeline::ask(rte_mbuf** frames, Group group, unsigned count) {
    expect(frames, {group.end, std::min(group.end + kGroup, count)});
    const bool up = express_[group.begin].ip->destination == home_agent_;
    up_[group.begin / kGroup] = up ? ask_lines<true>(group) : ask_lines<false>(group);
}

/// `kUp`: which way the first one goes, as mostly all do: their code has no jump in it. Returns a bit for each that
/// goes up.
template <bool kUp>
[[gnu::always_inline]] inline std::uint8_t Pipeline::ask_lines(Group group) {
    // At hand: for all that the compiler knows, what is written here is where they are kept.
    const tables::Directory::Reader homes = directory_;
    const be32 home_agent = home_agent_;
    std::uint32_t tunnelled = 0;
    each(group, [&](std::size_t i) {
        const Ipv4Header& ip = *express_[i].ip;
        const tables::Binding* binding = nullptr;
        if (__builtin_expect(static_cast<long>(ip.destination == home_agent), kUp ? 1 : 0) != 0) {
            const auto& inner = *reinterpret_cast<const Ipv4Header*>(reinterpret_cast<const TunnelHeaders*>(&ip) + 1);
            binding = homes.home_slot(inner.from());
            tunnelled |= 1U << (i - group.begin);
            rte_prefetch0(&inner + 1);
            routes_.prefetch(inner.destination);
        } else {
            binding = homes.home_slot(ip.to());  // what encapsulation writes is not asked for: stores do not wait
        }
        rte_prefetch0(binding);
        express_[i].binding = binding;
    });
    return static_cast<std::uint8_t>(tunnelled);
}

/// By the headers alone.
[[gnu::noinline]] void Pipeline::sort(rte_mbuf** frames, Group group) {
    for (unsigned i = group.begin; i < group.end; ++i) {
        Express& packet = express_[i];
        packet.mbuf = frames[i];
        const auto* begin = reinterpret_cast<const std::uint8_t*>(packet.ip) - kEthernet;
        lanes_[i] = tables::Directory::Reader::has_page(packet.binding) && plain(*packet.mbuf, begin, ours_, usual_)
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
    return Express::Lane::encap;
}

[[gnu::always_inline]] inline Express::Lane Pipeline::sort_tunnelled(const Express& packet,
                                                                     const TunnelHeaders& headers) const {
    if (headers.ip.protocol != kProtocolUdp || packet.length < sizeof headers + sizeof(Ipv4Header) ||
        headers.udp.destination_port != tunnel_port_ || !plain_tunnel_data(headers.tunnel)) {
        return Express::Lane::general;
    }
    return Express::Lane::decap;
}

/// What was found in tables that have changed since is not.
void Pipeline::remember_egress() {
    const EgressSources now{shared_->number, neighbours_.changes()};
    if (now != egress_sources_) [[unlikely]] {
        egress_.forget();
        parked_.forget();
        egress_sources_ = now;
    }
}

/// The packets of this call leave by different ways, or by a port that quads are not for: so may those behind them.
[[gnu::cold, gnu::noinline]] bool Pipeline::leave_one_by_one() {
    return side_by_side_ = false;
}

/// The same as `leads_to_egress`, by a gateway or without.
[[gnu::noinline]] bool Pipeline::egress_leads_to(wire::Ipv4Address to) const {
    const tables::Route route = routes_.lookup(to);
    return egress_.leads(route, route.gateway() == wire::Ipv4Address{} ? to.host() : route.gateway().host());
}

/// `egress_` becomes the way to `to`, if it is not already: a route without a gateway leads to many next hops. What is
/// before `packet` still leaves by the old one.
void Pipeline::change_egress(wire::Ipv4Address to, const Express& packet) {
    const tables::Route route = routes_.lookup(to);
    const std::uint32_t gateway = route.gateway().host();
    const std::uint32_t next_hop = gateway == 0 ? to.host() : gateway;
    if (egress_.leads(route, next_hop)) {
        return;
    }
    push_leaving(static_cast<unsigned>(&packet - express_.data()));
    std::swap(egress_, parked_);
    if (egress_.leads(route, next_hop)) {
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
    egress_.port = number;
    egress_.mtu = port.mtu;
    egress_.tunnel_mtu = port.mtu - std::min<std::uint32_t>(port.mtu, sizeof(TunnelHeaders));
    egress_.header = {neighbour.mac(), port.mac, be16{kEtherTypeIpv4}};
    egress_.outer = OuterFrame{egress_.header, shared_->settings};
    egress_.checksum_offload = port.tx_checksum_offload;
    egress_.udp_offload = port.tx_udp_offload;
    const bool summed = port.tx_checksum_offload && shared_->settings.udp_checksum == ipc::Checksum::compute;
    egress_.summed_mtu = summed ? egress_.tunnel_mtu : 0;
    egress_.summed_mtus = every(egress_.summed_mtu);
    egress_.tunnel_flags = port.tx_checksum_offload ? tunnel_flags(true, summed) : 0;
}

}  // namespace homeward::pipeline
