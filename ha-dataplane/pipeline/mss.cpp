#include <algorithm>

#include "checksum.h"
#include "pipeline/pipeline.h"

namespace homeward::pipeline {
namespace {

constexpr std::uint8_t kEnd = 0, kNop = 1, kMss = 2;
constexpr unsigned kMssLength = 4;
constexpr unsigned kHeaders = sizeof(Ipv4Header) + sizeof(TcpHeader);

/// The value of the MSS option, or null. `header`: the TCP header's bytes, all readable.
be16* find_mss(std::uint8_t* header, unsigned length) {
    for (unsigned at = sizeof(TcpHeader); at < length && header[at] != kEnd;) {
        if (header[at] == kNop) {
            ++at;
            continue;
        }
        if (at + 2 > length || header[at + 1] < 2 || at + header[at + 1] > length) {
            return nullptr;
        }
        if (header[at] == kMss) {
            return header[at + 1] == kMssLength ? reinterpret_cast<be16*>(header + at + 2) : nullptr;
        }
        at += header[at + 1];
    }
    return nullptr;
}

}  // namespace

/// A SYN's MSS is lowered to what fits `mtu`, the smallest tunnel the connection may come to use: MSS is agreed once,
/// the path is not. An option that is smaller already, or broken, stays as it is.
void Pipeline::clamp_mss(Packet& packet, unsigned mtu) {
    const Ipv4Header& ip = *packet.ip;
    if (shared_->settings.clamp_mss == 0 || ip.protocol != kProtocolTcp || ip.is_later_fragment() || mtu <= kHeaders) {
        return;
    }
    std::uint8_t* header = packet.transport(sizeof(TcpHeader));
    if (header == nullptr) {
        return;
    }
    auto& tcp = *reinterpret_cast<TcpHeader*>(header);
    const unsigned length = (tcp.data_offset >> 4) * 4U;
    if ((tcp.flags & TcpHeader::kSyn) == 0 || packet.transport(length) == nullptr) {
        return;
    }
    be16* mss = find_mss(header, length);
    const auto limit = static_cast<std::uint16_t>(mtu - kHeaders);
    if (mss == nullptr || mss->host() <= limit) {
        return;
    }
    // The checksum counts 16-bit words from the header's start; an option at an odd offset lies across two of them,
    // which comes to the same as its value with swapped bytes.
    const bool odd = (reinterpret_cast<std::uint8_t*>(mss) - header) % 2 != 0;
    const std::uint16_t before = odd ? __builtin_bswap16(mss->host()) : mss->host();
    const std::uint16_t after = odd ? __builtin_bswap16(limit) : limit;
    tcp.checksum = updated(tcp.checksum, before, after);
    *mss = be16{limit};
    counters_.count(stats::Event::mss_clamped);
}

}  // namespace homeward::pipeline
