#include "tunnel/packet.h"

#include <netinet/in.h>

#include <algorithm>

#include "fields.h"
#include "tunnel/checksum.h"

namespace homeward::tunnel {
namespace {

constexpr std::uint8_t kEcnMask = 3;
constexpr std::uint8_t kEcnCe = 3;
constexpr std::uint8_t kEct1 = 1;

/// RFC 1624 equation 3: the checksum after one 16-bit word of the data changed.
std::uint16_t update_checksum(std::uint16_t checksum, std::uint16_t before, std::uint16_t after) noexcept {
    return static_cast<std::uint16_t>(~fold(static_cast<std::uint32_t>(static_cast<std::uint16_t>(~checksum)) +
                                            static_cast<std::uint16_t>(~before) + after));
}

bool header_checksum_holds(wire::ByteView packet, std::size_t length) noexcept {
    return checksum_sum(packet.first(length)) == 0xffff;
}

bool has_ports(std::uint8_t protocol) noexcept {
    return protocol == IPPROTO_TCP || protocol == IPPROTO_UDP || protocol == IPPROTO_SCTP || protocol == IPPROTO_DCCP ||
           protocol == IPPROTO_UDPLITE;
}

/// Offset of the MSS value within a SYN, or 0.
std::size_t find_mss(wire::ByteView packet) noexcept {
    const std::size_t tcp = header_length(packet);
    if (packet[9] != IPPROTO_TCP || (get16(packet, 6) & kFragmentOffset) != 0 || packet.size() < tcp + kTcpHeader) {
        return 0;
    }
    const std::size_t end = tcp + tcp_length(packet, tcp);
    if (end > packet.size()) {
        return 0;
    }
    if ((packet[tcp + kFlags] & kSyn) == 0) {
        return 0;
    }
    for (std::size_t at = tcp + kTcpHeader; at + 1 < end;) {
        const std::uint8_t kind = packet[at];
        if (kind == 0) {
            return 0;
        }
        if (kind == 1) {
            ++at;
            continue;
        }
        const std::uint8_t length = packet[at + 1];
        if (length < 2 || at + length > end) {
            return 0;
        }
        if (kind == 2 && length == 4) {
            return at + 2;
        }
        at += length;
    }
    return 0;
}

}  // namespace

Inner check_inner(Packet& packet, wire::Ipv4Address home_address) noexcept {
    if (packet.size() < kIpv4Header || packet[0] >> 4U != 4) {
        return Inner::malformed;
    }
    const std::size_t header = header_length(packet);
    const std::size_t total = get16(packet, 2);
    if (header < kIpv4Header || header > total || total > packet.size()) {
        return Inner::malformed;
    }
    if (!header_checksum_holds(packet, header)) {
        return Inner::bad_checksum;
    }
    if (get32(packet, 16) != home_address.host()) {
        return Inner::wrong_destination;
    }
    packet = packet.first(total);
    return Inner::good;
}

bool combine_ecn(Packet packet, std::uint8_t outer) noexcept {
    const std::uint8_t inner_ecn = packet[1] & kEcnMask;
    const std::uint8_t outer_ecn = outer & kEcnMask;
    std::uint8_t result = inner_ecn;
    if (outer_ecn == kEcnCe) {
        if (inner_ecn == 0) {
            return false;
        }
        result = kEcnCe;
    } else if (outer_ecn == kEct1 && inner_ecn != 0 && inner_ecn != kEcnCe) {
        result = kEct1;
    }
    if (result != inner_ecn) {
        const std::uint16_t before = get16(packet, 0);
        packet[1] = static_cast<std::uint8_t>((packet[1] & ~kEcnMask) | result);
        put16(packet, 10, update_checksum(get16(packet, 10), before, get16(packet, 0)));
    }
    return true;
}

bool clamp_mss(Packet packet, std::uint16_t limit) noexcept {
    const std::size_t at = find_mss(packet);
    if (at == 0 || get16(packet, at) <= limit) {
        return false;
    }
    const std::size_t checksum = header_length(packet) + 16;
    // The option may start at an odd offset: then its value straddles two words of the checksum. Both are updated. At
    // an even one the packet may end behind it.
    const std::size_t first = at & ~std::size_t{1};
    const std::size_t last = (at + 1) & ~std::size_t{1};
    const std::uint16_t before_first = get16(packet, first);
    const std::uint16_t before_last = get16(packet, last);
    put16(packet, at, limit);
    std::uint16_t sum = update_checksum(get16(packet, checksum), before_first, get16(packet, first));
    if (last != first) {
        sum = update_checksum(sum, before_last, get16(packet, last));
    }
    put16(packet, checksum, sum);
    return true;
}

FragmentCache::Slot FragmentCache::key(wire::ByteView header) noexcept {
    Slot slot;
    slot.source = get32(header, 12);
    slot.destination = get32(header, 16);
    slot.identification = get16(header, 4);
    slot.protocol = header[9];
    return slot;
}

std::size_t FragmentCache::index(const Slot& key) noexcept {
    return (key.identification ^ key.destination) % std::tuple_size_v<decltype(slots_)>;
}

void FragmentCache::remember(wire::ByteView header, Ports ports) noexcept {
    Slot slot = key(header);
    slot.ports = ports;
    slots_[index(slot)] = slot;
}

std::optional<FragmentCache::Ports> FragmentCache::recall(wire::ByteView header) const noexcept {
    const Slot wanted = key(header);
    const Slot& held = slots_[index(wanted)];
    if (held.source != wanted.source || held.destination != wanted.destination ||
        held.identification != wanted.identification || held.protocol != wanted.protocol) {
        return std::nullopt;
    }
    return held.ports;
}

policy::FlowKey flow_of(wire::ByteView packet, FragmentCache& fragments) noexcept {
    policy::FlowKey flow;
    const auto take = [&flow](FragmentCache::Ports ports) {
        flow.has_port = true;
        flow.port = ports.correspondent;
        flow.node_port = ports.node;
    };
    flow.node = wire::Ipv4Address{get32(packet, 12)};
    flow.correspondent = wire::Ipv4Address{get32(packet, 16)};
    flow.protocol = packet[9];
    if (!has_ports(flow.protocol)) {
        return flow;
    }
    const std::uint16_t fragment = get16(packet, 6);
    const std::size_t header = header_length(packet);
    if ((fragment & kFragmentOffset) != 0) {
        if (const auto ports = fragments.recall(packet)) {
            take(*ports);
        }
    } else if (packet.size() >= header + 4) {
        const FragmentCache::Ports shown{get16(packet, header), get16(packet, header + 2)};
        take(shown);
        if ((fragment & kMoreFragments) != 0) {
            fragments.remember(packet, shown);
        }
    }
    return flow;
}

policy::FlowKey flow_back_of(wire::ByteView packet) noexcept {
    policy::FlowKey flow;
    flow.correspondent = wire::Ipv4Address{get32(packet, 12)};
    flow.node = wire::Ipv4Address{get32(packet, 16)};
    flow.protocol = packet[9];
    const std::size_t header = header_length(packet);
    const bool whole = (get16(packet, 6) & (kFragmentOffset | kMoreFragments)) == 0;
    if (has_ports(flow.protocol) && whole && packet.size() >= header + 4) {
        flow.has_port = true;
        flow.port = get16(packet, header);
        flow.node_port = get16(packet, header + 2);
    }
    return flow;
}

}  // namespace homeward::tunnel
