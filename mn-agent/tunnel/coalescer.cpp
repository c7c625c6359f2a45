#include "tunnel/coalescer.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "fields.h"
#include "tunnel/checksum.h"

namespace homeward::tunnel {
namespace {

constexpr std::size_t kLargest = 65535;

/// Bytes of IPv4 and TCP headers of an unfragmented TCP packet without IPv4 options; 0 for any other.
std::size_t plain_tcp(wire::ByteView packet) noexcept {
    constexpr std::size_t kSmallest = kIpv4Header + kTcpHeader;
    if (packet.size() < kSmallest || packet[0] != 0x45 || packet[kProtocol] != IPPROTO_TCP ||
        (get16(packet, kFragment) & (kMoreFragments | kFragmentOffset)) != 0) {
        return 0;
    }
    const std::size_t headers = kIpv4Header + tcp_length(packet, kIpv4Header);
    return headers < kSmallest || headers > packet.size() ? 0 : headers;
}

std::uint8_t flags_of(wire::ByteView packet) noexcept {
    return packet[kIpv4Header + kFlags];
}

/// Flags a train may have: the others change what a receiver does at just this segment.
bool ordinary(std::uint8_t flags) noexcept {
    constexpr std::uint8_t kEce = 0x40;
    return (flags & ~(kAck | kPsh | kFin | kEce)) == 0 && (flags & kAck) != 0;
}
bool last_of_train(std::uint8_t flags) noexcept {
    return (flags & (kPsh | kFin)) != 0;
}

bool checksum_holds(wire::ByteView packet) noexcept {
    const wire::ByteView tcp = packet.subspan(kIpv4Header);
    return fold(std::uint32_t{pseudo_header_sum(packet, tcp.size())} + checksum_sum(tcp)) == 0xffff;
}

/// Everything of two plain TCP packets' headers that every segment of one train has in common.
bool same_headers(wire::ByteView a, wire::ByteView b, std::size_t headers) noexcept {
    constexpr std::size_t kTtl = 8;
    constexpr std::uint8_t kMayDiffer = kPsh | kFin;
    return a[1] == b[1] && a[kTtl] == b[kTtl] && get16(a, kFragment) == get16(b, kFragment) &&
           get32(a, kIpv4Header + kAcknowledgement) == get32(b, kIpv4Header + kAcknowledgement) &&
           a[kIpv4Header + kDataOffset] == b[kIpv4Header + kDataOffset] &&
           (flags_of(a) & ~kMayDiffer) == (flags_of(b) & ~kMayDiffer) &&
           get16(a, kIpv4Header + kWindow) == get16(b, kIpv4Header + kWindow) &&
           std::memcmp(a.data() + kIpv4Header + kTcpHeader, b.data() + kIpv4Header + kTcpHeader,
                       headers - kIpv4Header - kTcpHeader) == 0;
}

}  // namespace

Coalescer::Coalescer(bool joins)
    : joins_(joins), storage_(std::make_unique<std::array<Train, kMostTrains>>()), trains_(*storage_) {}

bool Coalescer::add(Packet packet) noexcept {
    const std::size_t headers = joins_ ? plain_tcp(packet) : 0;
    Flow flow;
    if (headers == 0) {
        return begin(packet, flow, headers);
    }
    constexpr std::size_t kSource = 12;
    flow.tcp = true;
    flow.source = get32(packet, kSource);
    flow.ports = get32(packet, kIpv4Header);
    flow.next_sequence = get32(packet, kIpv4Header + kSequence) + static_cast<std::uint32_t>(packet.size() - headers);
    flow.open = packet.size() > headers && ordinary(flags_of(packet)) && !last_of_train(flags_of(packet));
    for (std::size_t i = count_; i-- > 0;) {
        if (!flows_[i].tcp || flows_[i].source != flow.source || flows_[i].ports != flow.ports) {
            continue;
        }
        if (flows_[i].open && join(i, packet, headers)) {
            return true;
        }
        flows_[i].open = false;  // what follows must not overtake this packet
        break;
    }
    return begin(packet, flow, headers);
}

bool Coalescer::begin(Packet packet, const Flow& flow, std::size_t headers) noexcept {
    if (count_ == kMostTrains) {
        return false;
    }
    flows_[count_] = flow;
    Train& train = trains_[count_++];
    train.offload = {};
    train.head = packet;
    train.headers = headers;
    train.segment = packet.size() - headers;
    train.size = packet.size();
    train.vectors[0] = {&train.offload, sizeof train.offload};
    train.vectors[1] = {packet.data(), packet.size()};
    train.pieces = 2;
    train.last_identification = get16(packet, kIdentification);
    train.last_flags = flow.tcp ? flags_of(packet) : std::uint8_t{0};
    train.verified = false;
    return true;
}

bool Coalescer::joinable(const Train& train, const Flow& flow, Packet packet, std::size_t headers) const noexcept {
    const std::size_t payload = packet.size() - headers;
    const bool counted = (get16(packet, kFragment) & kDontFragment) == 0;
    return train.pieces <= kMostPackets && train.size + payload <= kLargest && payload != 0 &&
           payload <= train.segment && headers == train.headers &&
           get32(packet, kIpv4Header + kSequence) == flow.next_sequence && ordinary(flags_of(packet)) &&
           (!counted || get16(packet, kIdentification) == static_cast<std::uint16_t>(train.last_identification + 1)) &&
           same_headers(train.head, packet, headers);
}

bool Coalescer::join(std::size_t index, Packet packet, std::size_t headers) noexcept {
    Train& train = trains_[index];
    Flow& flow = flows_[index];
    if (!joinable(train, flow, packet, headers)) {
        return false;
    }
    // The kernel will take the whole train's checksum for verified: it no longer sees those of its parts.
    train.verified = train.verified || checksum_holds(train.head);
    if (!train.verified || !checksum_holds(packet)) {
        return false;
    }
    const std::size_t payload = packet.size() - headers;
    train.vectors[train.pieces++] = {packet.data() + headers, payload};
    train.size += payload;
    train.last_identification = get16(packet, kIdentification);
    train.last_flags = flags_of(packet);
    flow.next_sequence += static_cast<std::uint32_t>(payload);
    flow.open = payload == train.segment && !last_of_train(train.last_flags);
    return true;
}

std::span<const iovec> Coalescer::finish(std::size_t index) noexcept {
    Train& train = trains_[index];
    if (train.pieces > 2) {
        const Packet head = train.head;
        const std::size_t tcp_size = train.size - kIpv4Header;
        put16(head, kTotalLength, static_cast<std::uint16_t>(train.size));
        put16(head, kHeaderChecksum, 0);
        put16(head, kHeaderChecksum, static_cast<std::uint16_t>(~checksum_sum(head.first(kIpv4Header))));
        head[kIpv4Header + kFlags] = train.last_flags;
        put16(head, kIpv4Header + kTcpChecksum, pseudo_header_sum(head, tcp_size));
        train.offload.flags = OffloadHeader::kNeedsChecksum;
        train.offload.kind = OffloadHeader::kTcp4;
        train.offload.header_length = static_cast<std::uint16_t>(train.headers);
        train.offload.segment_size = static_cast<std::uint16_t>(train.segment);
        train.offload.checksum_start = kIpv4Header;
        train.offload.checksum_offset = kTcpChecksum;
    }
    return {train.vectors.data(), train.pieces};
}

}  // namespace homeward::tunnel
