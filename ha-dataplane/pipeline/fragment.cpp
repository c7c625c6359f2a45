#include <algorithm>
#include <cstring>

#include "checksum.h"
#include "pipeline/pipeline.h"

namespace homeward::pipeline {
namespace {

constexpr unsigned kMaxHeader = 60;

/// The header of all fragments but the first: options without the copied flag are left out (RFC 791 §3.1). Returns
/// its length.
unsigned later_header(const Ipv4Header& first, std::uint8_t* out) {
    constexpr std::uint8_t kEnd = 0, kNop = 1, kCopied = 0x80;
    const auto* options = reinterpret_cast<const std::uint8_t*>(&first);
    const unsigned end = first.header_length();
    std::memcpy(out, options, sizeof first);
    unsigned length = sizeof first;
    for (unsigned at = sizeof first; at < end && options[at] != kEnd;) {
        const bool lone = options[at] == kNop;
        const unsigned size = lone ? 1 : at + 1 < end ? options[at + 1] : 0;
        if (size == 0 || (!lone && size < 2) || at + size > end) {
            break;
        }
        if ((options[at] & kCopied) != 0) {
            std::memcpy(out + length, options + at, size);
            length += size;
        }
        at += size;
    }
    while (length % 4 != 0) {
        out[length++] = kEnd;
    }
    out[0] = static_cast<std::uint8_t>(0x40 | length / 4);
    return length;
}

}  // namespace

void Pipeline::fragment(Packet& packet, unsigned mtu, Sink sink) {
    const Ipv4Header& whole = *packet.ip;
    const unsigned payload_start = whole.header_length();
    const unsigned payload = packet.length() - payload_start;
    const std::uint16_t flags = whole.fragment.host();
    std::uint8_t header[kMaxHeader];
    std::memcpy(header, &whole, payload_start);
    unsigned header_length = payload_start;
    for (unsigned at = 0; at < payload;) {
        const unsigned room = (mtu - header_length) & ~7U;
        const unsigned size = std::min(room, payload - at);
        rte_mbuf* piece = rte_pktmbuf_alloc(pool_);
        auto* bytes =
            piece == nullptr ? nullptr : rte_pktmbuf_append(piece, static_cast<std::uint16_t>(header_length + size));
        if (bytes == nullptr) {
            rte_pktmbuf_free(piece);
            return drop(packet, stats::Drop::fragment_no_buffer);
        }
        std::memcpy(bytes, header, header_length);
        const void* from = rte_pktmbuf_read(packet.mbuf, payload_start + at, size, bytes + header_length);
        if (from != bytes + header_length) {
            std::memcpy(bytes + header_length, from, size);
        }
        auto& ip = *reinterpret_cast<Ipv4Header*>(bytes);
        const bool more = at + size < payload || (flags & Ipv4Header::kMoreFragments) != 0;
        ip.total_length = be16{static_cast<std::uint16_t>(header_length + size)};
        ip.fragment = be16{static_cast<std::uint16_t>((more ? Ipv4Header::kMoreFragments : 0U) |
                                                      ((flags & Ipv4Header::kOffset) + at / 8))};
        set_checksum(ip);
        Packet part = packet;
        part.mbuf = piece;
        part.ip = &ip;
        counters_.count(stats::Event::fragments_made);
        (this->*sink)(part);
        if (at == 0) {
            header_length = later_header(whole, header);
        }
        at += size;
    }
    rte_pktmbuf_free(packet.mbuf);
    packet.mbuf = nullptr;
}

}  // namespace homeward::pipeline
