#include <homeward/tunnel.h>

#include <algorithm>
#include <optional>

#include "checksum.h"
#include "pipeline/pipeline.h"

namespace homeward::pipeline {
namespace {

using stats::Drop;
using stats::Event;
using State = Datagram::State;
using Verdict = Datagram::Verdict;

constexpr unsigned kFraming = sizeof(UdpHeader) + sizeof(TunnelHeader);
/// What the stages look at in place: the tunnel's framing, an inner IPv4 and a TCP header, each with all its options.
constexpr unsigned kLongestHeaders = kFraming + 60 + 60;
/// Overdue datagrams that one round of the worker sees to.
constexpr unsigned kExpiries = 4;

/// The codepoint of the whole, RFC 3168 §5.3: congestion that one fragment met is met by all. Nothing when one
/// fragment was sent as ECN-capable and another was not, which no sender does.
std::optional<std::uint8_t> joined_ecn(const Datagram& datagram, std::uint8_t first) {
    constexpr std::uint8_t kNotEct = 1U << 0, kCe = 1U << 3;
    if ((datagram.ecn_seen & kNotEct) != 0 && datagram.ecn_seen != kNotEct) {
        return std::nullopt;
    }
    return (datagram.ecn_seen & kCe) != 0 ? std::uint8_t{3} : first;
}

Ipv4Header& header_of(const Datagram::Piece& piece) {
    return *rte_pktmbuf_mtod_offset(piece.frame, Ipv4Header*, sizeof(EthernetHeader));
}

/// All payloads behind the first frame. In one segment when its buffer has the room, as it does for what any port can
/// send on unfragmented.
rte_mbuf* join(Datagram& datagram) {
    rte_mbuf* whole = datagram.pieces[0].frame;
    for (unsigned i = 1; i < datagram.count; ++i) {
        const Datagram::Piece& piece = datagram.pieces[i];
        rte_pktmbuf_adj(piece.frame,
                        static_cast<std::uint16_t>(sizeof(EthernetHeader) + header_of(piece).header_length()));
        rte_pktmbuf_chain(whole, piece.frame);
    }
    rte_pktmbuf_linearize(whole);
    return whole;
}

}  // namespace

/// UDP to the end of our tunnels in fragments: maybe tunnel data.
bool Pipeline::is_outer_fragment(const Packet& packet) const {
    const Ipv4Header& ip = *packet.ip;
    return ip.is_fragment() && shared_->settled && ip.destination.host() == shared_->settings.home_agent &&
           ip.protocol == kProtocolUdp;
}

/// Holds the fragment until its datagram is complete. Only tunnel data is held to the end: what the first fragment
/// shows to be something else goes to the kernel, fragment by fragment, which has its own bounds for it.
void Pipeline::reassemble(Packet& packet) {
    Span span;
    if (!Span::read(*packet.ip, span)) {
        return drop(packet, Drop::reassemble_malformed);
    }
    Datagram* datagram = reassembly_.find(packet.ip->source.host(), packet.ip->id.host());
    if (datagram == nullptr || (datagram->verdict.state == State::unknown && span.begin == 0)) {
        const Verdict verdict = span.begin == 0 ? judge_first(packet) : Verdict{};
        datagram = datagram == nullptr ? admit(packet, verdict) : &decide(*datagram, verdict);
    }
    if (datagram == nullptr) {
        return drop(packet, Drop::reassemble_table_full);
    }
    switch (datagram->verdict.state) {
        case State::kernel:
            return to_kernel(packet, datagram->verdict.kernel_class);
        case State::refused:
            return drop(packet, datagram->verdict.reason);
        default:
            keep(*datagram, packet, span);
    }
}

/// Whose a datagram is, by its first fragment. Tunnel data must come from where the inner source has an uplink, so that
/// nobody else can have us hold it.
Datagram::Verdict Pipeline::judge_first(const Packet& packet) const {
    const auto refused = [](Drop reason) { return Verdict{.state = State::refused, .reason = reason}; };
    const std::uint8_t* transport = packet.transport(sizeof(UdpHeader));
    if (transport == nullptr) {
        return refused(Drop::reassemble_malformed);
    }
    const auto& udp = *reinterpret_cast<const UdpHeader*>(transport);
    if (udp.destination_port.host() != shared_->settings.tunnel_port) {
        return {.state = State::kernel, .kernel_class = KernelClass::other};
    }
    // Every link carries the 68 bytes of RFC 791 whole, so nobody needs fragments that hide what they begin.
    if (packet.transport(sizeof(UdpHeader) + 1) == nullptr) {
        return refused(Drop::reassemble_malformed);
    }
    if (transport[sizeof(UdpHeader)] != HOMEWARD_TUNNEL_TYPE_DATA) {
        return {.state = State::kernel, .kernel_class = KernelClass::registration};
    }
    if (packet.transport(kFraming + sizeof(Ipv4Header)) == nullptr) {
        return refused(Drop::reassemble_malformed);
    }
    const auto& inner = *reinterpret_cast<const Ipv4Header*>(transport + kFraming);
    const tables::Binding* binding = directory_.slot(inner.from());
    const std::uint32_t order = binding == nullptr ? 0 : binding->order.load(std::memory_order_acquire);
    for (unsigned position = 0; position < tables::Binding::count(order); ++position) {
        if (binding->uplink(tables::Binding::slot(order, position)).has_tuple(packet.ip->source, udp.source_port)) {
            return {.state = State::ours};
        }
    }
    return refused(tables::Binding::count(order) == 0 ? Drop::decap_unknown_home_address : Drop::decap_wrong_tuple);
}

/// A new datagram, for which another may have to go. Null when there is no place.
Datagram* Pipeline::admit(const Packet& packet, const Verdict& verdict) {
    const std::uint32_t source = packet.ip->source.host();
    const Reassembly::Place place = reassembly_.place(source, verdict.state);
    if (place.taken_by != nullptr) {
        give_up(*place.taken_by, Drop::reassemble_table_full);
    } else if (!place.free) {
        return nullptr;
    }
    return &reassembly_.open(source, packet.ip->id.host(), verdict, now_);
}

/// The first fragment came behind others: they go where it says.
Datagram& Pipeline::decide(Datagram& datagram, const Verdict& verdict) {
    if (verdict.state == State::kernel) {
        for (unsigned i = 0; i < datagram.count; ++i) {
            rte_mbuf* frame = datagram.pieces[i].frame;
            push_to_kernel(frame->port, verdict.kernel_class, frame);
        }
        release(datagram);
    } else if (verdict.state == State::refused) {
        drop_pieces(datagram, verdict.reason);
    }
    reassembly_.move(datagram, verdict, now_);
    return datagram;
}

void Pipeline::keep(Datagram& datagram, Packet& packet, const Span& span) {
    rte_mbuf* const frame = packet.mbuf;
    const unsigned padding =
        rte_pktmbuf_pkt_len(frame) - static_cast<unsigned>(sizeof(EthernetHeader)) - packet.length();
    if (rte_pktmbuf_trim(frame, static_cast<std::uint16_t>(padding)) != 0) {
        return drop(packet, Drop::reassemble_malformed);
    }
    if (!make_room(datagram, frame->nb_segs)) {
        return refuse(datagram, packet, Drop::reassemble_memory);
    }
    switch (datagram.add(frame, span)) {
        case Datagram::Fit::duplicate:
            return drop(packet, Drop::reassemble_duplicate);
        case Datagram::Fit::overlap:
            return refuse(datagram, packet, Drop::reassemble_overlap);
        case Datagram::Fit::too_many:
            return refuse(datagram, packet, Drop::reassemble_too_many);
        default:
            break;
    }
    frame->port = packet.port;
    datagram.ecn_seen = static_cast<std::uint8_t>(datagram.ecn_seen | 1U << packet.ip->ecn());
    reassembly_.count_buffers(datagram, frame->nb_segs);
    packet.mbuf = nullptr;
    if (datagram.complete()) {
        complete(datagram, packet);
    }
}

/// Sends others away, the oldest first, until there is room for `buffers` more. False when the datagram is itself the
/// next to go.
bool Pipeline::make_room(const Datagram& datagram, unsigned buffers) {
    while (!reassembly_.has_room(datagram.verdict.state, buffers)) {
        Datagram* oldest = reassembly_.oldest(State::unknown);
        if (oldest == nullptr && datagram.verdict.state == State::ours) {
            oldest = reassembly_.oldest(State::ours);
        }
        if (oldest == nullptr || oldest == &datagram) {
            return false;
        }
        give_up(*oldest, Drop::reassemble_memory);
    }
    return true;
}

/// All are here: the datagram goes on as if it had come whole.
void Pipeline::complete(Datagram& datagram, Packet& packet) {
    Ipv4Header& ip = header_of(datagram.pieces[0]);
    const auto ecn = joined_ecn(datagram, ip.ecn());
    const unsigned length = ip.header_length() + datagram.total;
    if (!ecn || length > UINT16_MAX) {
        return give_up(datagram, ecn ? Drop::reassemble_malformed : Drop::reassemble_ecn);
    }
    counters_.count(Event::fragments_reassembled, datagram.count);
    counters_.count(Event::datagrams_reassembled);
    rte_mbuf* whole = join(datagram);
    release(datagram);
    reassembly_.close(datagram);
    if (whole->nb_segs > 1 && whole->data_len < sizeof(EthernetHeader) + ip.header_length() + kLongestHeaders) {
        return drop(whole, Drop::reassemble_malformed);
    }
    ip.total_length = be16{static_cast<std::uint16_t>(length)};
    ip.fragment = be16{0};
    ip.tos = static_cast<std::uint8_t>((ip.tos & 0xfc) | *ecn);
    set_checksum(ip);
    forget_offloads(*whole);
    packet.mbuf = whole;
    packet.ip = &ip;
    expect_inner(packet);
}

/// Drops the packet and what is there of its datagram, and what may still come.
void Pipeline::refuse(Datagram& datagram, Packet& packet, Drop reason) {
    drop_pieces(datagram, reason);
    reassembly_.move(datagram, {.state = State::refused, .reason = reason}, now_);
    drop(packet, reason);
}

/// Drops what is there of the datagram, and forgets it.
void Pipeline::give_up(Datagram& datagram, Drop reason) {
    drop_pieces(datagram, reason);
    reassembly_.close(datagram);
}

void Pipeline::drop_pieces(Datagram& datagram, Drop reason) {
    for (unsigned i = 0; i < datagram.count; ++i) {
        drop(datagram.pieces[i].frame, reason);
    }
    release(datagram);
}

/// The pieces are no longer the datagram's.
void Pipeline::release(Datagram& datagram) {
    reassembly_.count_buffers(datagram, -static_cast<int>(datagram.buffers));
    datagram.count = 0;
}

void Pipeline::expire_datagrams() {
    for (unsigned i = 0; i < kExpiries; ++i) {
        Datagram* overdue = reassembly_.overdue(now_);
        if (overdue == nullptr) {
            return;
        }
        give_up(*overdue, Drop::reassemble_timeout);
    }
}

/// The worker ends.
void Pipeline::free_datagrams() {
    for (const State state : {State::unknown, State::ours, State::kernel, State::refused}) {
        while (Datagram* datagram = reassembly_.oldest(state)) {
            give_up(*datagram, Drop::stopping);
        }
    }
}

}  // namespace homeward::pipeline
