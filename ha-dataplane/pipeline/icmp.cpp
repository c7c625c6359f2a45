#include <homeward/tunnel.h>
#include <rte_ip.h>

#include <algorithm>
#include <cstring>

#include "checksum.h"
#include "pipeline/pipeline.h"

namespace homeward::pipeline {
namespace {

using stats::Drop;
using stats::Event;

/// RFC 1812 §4.3.2.3: as much of the packet as fits an error of 576 bytes.
constexpr unsigned kMaxQuote = 576 - sizeof(Ipv4Header) - sizeof(IcmpHeader);
/// Internetwork control (RFC 1812 §4.3.2.5).
constexpr std::uint8_t kErrorTos = 0xc0;
constexpr std::uint32_t kHintsPerSecond = 4;

bool is_error_type(std::uint8_t type) {
    return type == IcmpHeader::kUnreachable || type == 4 || type == 5 || type == IcmpHeader::kTimeExceeded ||
           type == 12;
}

/// RFC 1191 §7.1: for routers that do not say their next hop's MTU, the next lower common one.
unsigned plateau_below(unsigned length) {
    for (const unsigned plateau : {8166U, 4352U, 2002U, 1492U, 1006U, 508U}) {
        if (plateau < length) {
            return plateau;
        }
    }
    return 68;
}

}  // namespace

/// RFC 1812 §4.3.2.7: what no error may be sent about.
bool Pipeline::may_report(const Packet& about) {
    const Ipv4Header& ip = *about.ip;
    if (about.source == Source::own || about.wrapped || about.link_group || ip.is_later_fragment() ||
        !ip.from().is_unicast() || !ip.to().is_unicast()) {
        return false;
    }
    if (ip.protocol != kProtocolIcmp) {
        return true;
    }
    const std::uint8_t* type = about.transport(1);
    return type != nullptr && !is_error_type(*type);
}

/// Tells the sender of `about`, which stays as it is and is the caller's to drop. Never more often than the settings
/// allow, per worker.
void Pipeline::icmp_error(const Packet& about, std::uint8_t type, std::uint8_t code, std::uint16_t mtu) {
    if (!shared_->settled || !may_report(about) ||
        !icmp_budget_.take(now_, tsc_hz_, shared_->settings.icmp_errors_per_s)) {
        return counters_.count(Event::icmp_suppressed);
    }
    Packet* error = new_packet();
    rte_mbuf* mbuf = error == nullptr ? nullptr : rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) {
        return counters_.count(Event::icmp_suppressed);
    }
    struct Headers {
        Ipv4Header ip;
        IcmpHeader icmp;
    };
    const unsigned quote = std::min(about.length(), kMaxQuote);
    const auto total = static_cast<std::uint16_t>(sizeof(Headers) + quote);
    auto* headers = reinterpret_cast<Headers*>(rte_pktmbuf_append(mbuf, total));
    if (headers == nullptr) {
        rte_pktmbuf_free(mbuf);
        return counters_.count(Event::icmp_suppressed);
    }
    const auto offset = static_cast<std::uint32_t>(reinterpret_cast<std::uint8_t*>(about.ip) -
                                                   rte_pktmbuf_mtod(about.mbuf, std::uint8_t*));
    const void* quoted = rte_pktmbuf_read(about.mbuf, offset, quote, headers + 1);
    if (quoted != headers + 1) {
        std::memcpy(headers + 1, quoted, quote);
    }
    headers->ip = {0x45,       kErrorTos,     be16{total}, be16::from_raw(icmp_id_++),         be16{0},
                   kTunnelTtl, kProtocolIcmp, be16{0},     be32{shared_->settings.home_agent}, about.ip->source};
    set_checksum(headers->ip);
    headers->icmp = {type, code, be16{0}, be16{0}, be16{mtu}};
    headers->icmp.checksum = checksum_of(&headers->icmp, sizeof(IcmpHeader) + quote);
    counters_.count(Event::icmp_sent);

    error->mbuf = mbuf;
    error->ip = &headers->ip;
    error->source = Source::own;
    error->framed = false;
    error->port = about.port;
    if (about.source == Source::kernel) {
        return inject(*error, about.port);
    }
    error->binding = directory_.slot(error->ip->to());
    if (error->binding != nullptr && error->binding->bound()) {
        downlink_.push(error);
    } else {
        transmit(*error);
    }
}

/// Of an error about what we sent. Else it may be about a registration reply: the kernel's.
bool Pipeline::quotes_tunnel_data(Ipv4Header& quoted, unsigned bytes) const {
    if (quoted.protocol != kProtocolUdp) {
        return quoted.protocol == kProtocolIpip;
    }
    const auto& udp = *reinterpret_cast<const UdpHeader*>(quoted.payload());
    const bool shows_type = bytes > sizeof quoted + sizeof udp;
    return udp.source_port.host() == shared_->settings.tunnel_port &&
           (!shows_type || *reinterpret_cast<const std::uint8_t*>(&udp + 1) == HOMEWARD_TUNNEL_TYPE_DATA);
}

/// An ICMP error about one of our tunnel packets: consumed here, because the kernel knows of no tunnel. False: not
/// that, and still the caller's.
bool Pipeline::tunnel_error(Packet& packet) {
    const Ipv4Header& ip = *packet.ip;
    if (ip.protocol != kProtocolIcmp || ip.is_fragment() || !shared_->settled ||
        ip.destination.host() != shared_->settings.home_agent) {
        return false;
    }
    const std::uint8_t* transport = packet.transport(sizeof(IcmpHeader) + sizeof(Ipv4Header) + sizeof(UdpHeader));
    if (transport == nullptr) {
        return false;
    }
    const auto& icmp = *reinterpret_cast<const IcmpHeader*>(transport);
    auto& quoted = *reinterpret_cast<Ipv4Header*>(packet.ip->payload() + sizeof(IcmpHeader));
    const unsigned quoted_bytes =
        std::min(packet.length(), packet.contiguous()) - ip.header_length() - static_cast<unsigned>(sizeof(IcmpHeader));
    if (!is_error_type(icmp.type) || quoted.version_ihl != 0x45 ||
        quoted.source.host() != shared_->settings.home_agent || !quotes_tunnel_data(quoted, quoted_bytes)) {
        return false;
    }
    std::uint16_t sum = 0;
    const auto offset = static_cast<std::uint32_t>(transport - rte_pktmbuf_mtod(packet.mbuf, const std::uint8_t*));
    if (rte_raw_cksum_mbuf(packet.mbuf, offset, packet.length() - ip.header_length(), &sum) != 0 || sum != 0xffff) {
        return false;
    }
    if (icmp.type == IcmpHeader::kUnreachable && icmp.code == IcmpHeader::kFragmentationNeeded) {
        path_mtu_hint(packet, quoted, icmp, quoted_bytes);
    } else {
        drop(packet, Drop::icmp_tunnel_error);
    }
    return true;
}

/// Believed only when the quoted tuple is a binding's. Where the quote reaches to the inner header, that is checked
/// here; a shorter one (RFC 792 asks for 8 bytes) is checked by the mailbox, which can search by tuple.
void Pipeline::path_mtu_hint(Packet& packet, const Ipv4Header& quoted, const IcmpHeader& icmp, unsigned quoted_bytes) {
    const auto* headers = reinterpret_cast<const TunnelHeaders*>(&quoted);
    const unsigned framing = tunnel_framing(quoted);
    const std::uint32_t care_of = quoted.destination.host();
    const be16 port = framing != 0 ? headers->udp.destination_port : be16{0};
    if (quoted_bytes >= sizeof quoted + framing + sizeof(Ipv4Header)) {
        const auto* inner =
            reinterpret_cast<const Ipv4Header*>(reinterpret_cast<const std::uint8_t*>(&quoted + 1) + framing);
        const tables::Binding* binding = directory_.slot(inner->to());
        const std::uint32_t order = binding == nullptr ? 0 : binding->order.load(std::memory_order_acquire);
        bool ours = false;
        for (unsigned position = 0; position < tables::Binding::count(order); ++position) {
            ours = ours || binding->uplink(tables::Binding::slot(order, position)).has_tuple(quoted.destination, port);
        }
        if (!ours) {
            return drop(packet, Drop::icmp_quote_unmatched);
        }
    }
    const unsigned path = icmp.mtu.host() != 0 ? icmp.mtu.host() : plateau_below(quoted.total_length.host());
    const unsigned tunnel = path > sizeof(TunnelHeaders) ? path - static_cast<unsigned>(sizeof(TunnelHeaders)) : 0;
    if (request_limit_.allow(std::uint64_t{1} << 62 | std::uint64_t{care_of} << 16 | port.host(), now_, tsc_hz_,
                             kHintsPerSecond)) {
        request({.kind = Request::Kind::path_mtu,
                 .port = port.host(),
                 .address = care_of,
                 .mtu = static_cast<std::uint16_t>(tunnel)});
    }
    counters_.count(Event::path_mtu_hints);
    rte_pktmbuf_free(packet.mbuf);
    packet.mbuf = nullptr;
}

}  // namespace homeward::pipeline
