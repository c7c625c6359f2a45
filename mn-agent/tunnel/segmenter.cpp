#include "tunnel/segmenter.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "fields.h"
#include "tunnel/checksum.h"

namespace homeward::tunnel {
namespace {

/// As transmitted: UDP's zero means "none", and 0xffff is the same number (RFC 768).
std::uint16_t finished(std::uint32_t sum) noexcept {
    const auto checksum = static_cast<std::uint16_t>(~fold(sum));
    return checksum == 0 ? std::uint16_t{0xffff} : checksum;
}

}  // namespace

bool Segmenter::begin(const OffloadHeader& offload, wire::ByteView packet) noexcept {
    packet_ = packet;
    kind_ = static_cast<std::uint8_t>(offload.kind & ~OffloadHeader::kCwrSet);
    given_ = count_ = 0;
    return kind_ == OffloadHeader::kWhole ? begin_whole(offload) : begin_cut(offload);
}

bool Segmenter::begin_whole(const OffloadHeader& offload) noexcept {
    headers_ = 0;
    payload_ = segment_ = packet_.size();
    checksum_ = 0;
    if ((offload.flags & OffloadHeader::kNeedsChecksum) != 0) {
        checksum_start_ = offload.checksum_start;
        checksum_ = checksum_start_ + offload.checksum_offset;
        if (checksum_start_ < kIpv4Header || checksum_ + 2 > packet_.size()) {
            return false;
        }
    }
    count_ = 1;
    return true;
}

bool Segmenter::begin_cut(const OffloadHeader& offload) noexcept {
    const bool tcp = kind_ == OffloadHeader::kTcp4;
    transport_ = header_length(packet_);
    const std::size_t smallest = transport_ + (tcp ? kTcpHeader : kUdpHeader);
    if ((!tcp && kind_ != OffloadHeader::kUdp) || offload.segment_size == 0 || transport_ < kIpv4Header ||
        packet_[kProtocol] != (tcp ? IPPROTO_TCP : IPPROTO_UDP) || packet_.size() < smallest ||
        (get16(packet_, kFragment) & (kMoreFragments | kFragmentOffset)) != 0) {
        return false;
    }
    headers_ = tcp ? transport_ + tcp_length(packet_, transport_) : smallest;
    if (headers_ < smallest || headers_ > packet_.size()) {
        return false;
    }
    payload_ = packet_.size() - headers_;
    segment_ = offload.segment_size;
    const std::size_t count = std::max<std::size_t>(1, (payload_ + segment_ - 1) / segment_);
    if (count > kMostSegments) {
        return false;
    }
    count_ = count;
    return true;
}

std::size_t Segmenter::next(std::uint8_t* out) noexcept {
    if (given_ == count_) {
        return 0;
    }
    const std::size_t at = given_ * segment_;
    const std::size_t length = std::min(segment_, payload_ - at);
    const Packet segment{out, headers_ + length};
    std::memcpy(out, packet_.data(), headers_);
    std::memcpy(out + headers_, packet_.data() + headers_ + at, length);
    const bool first = given_ == 0;
    ++given_;
    if (cuts()) {
        write_headers(segment, first, given_ == count_);
    } else if (checksum_ != 0) {
        put16(segment, checksum_, finished(checksum_sum(segment.subspan(checksum_start_))));
    }
    return segment.size();
}

/// Given the whole packet's headers in `segment`, makes them its own.
void Segmenter::write_headers(Packet segment, bool first, bool last) const noexcept {
    const std::size_t before = given_ - 1;
    put16(segment, kTotalLength, static_cast<std::uint16_t>(segment.size()));
    put16(segment, kIdentification, static_cast<std::uint16_t>(get16(segment, kIdentification) + before));
    put16(segment, kHeaderChecksum, 0);
    put16(segment, kHeaderChecksum, static_cast<std::uint16_t>(~checksum_sum(segment.first(transport_))));

    const Packet body = segment.subspan(transport_);
    std::size_t checksum = kUdpChecksum;
    if (kind_ == OffloadHeader::kTcp4) {
        checksum = kTcpChecksum;
        put32(body, kSequence, static_cast<std::uint32_t>(get32(body, kSequence) + before * segment_));
        const auto gone = static_cast<std::uint8_t>((first ? 0 : kCwr) | (last ? 0 : kFin | kPsh));
        body[kFlags] = static_cast<std::uint8_t>(body[kFlags] & ~gone);
    } else {
        put16(body, kUdpLength, static_cast<std::uint16_t>(body.size()));
    }
    put16(body, checksum, 0);
    put16(body, checksum, finished(std::uint32_t{pseudo_header_sum(segment, body.size())} + checksum_sum(body)));
}

}  // namespace homeward::tunnel
