#pragma once

#include <cstdint>

namespace homeward::tunnel {

/// What travels in front of every packet on the TUN (virtio 1.2 §5.1.6, struct virtio_net_hdr): which work on it was
/// left to the other side. Native byte order.
struct OffloadHeader {
    /// `flags`: the checksum at `checksum_start + checksum_offset` holds the sum of the pseudo header only.
    static constexpr std::uint8_t kNeedsChecksum = 1;
    /// `kind`: what the packet is to be cut into.
    static constexpr std::uint8_t kWhole = 0, kTcp4 = 1, kUdp = 5;
    static constexpr std::uint8_t kCwrSet = 0x80;  ///< beside kTcp4: CWR, for the first segment alone

    std::uint8_t flags = 0;
    std::uint8_t kind = kWhole;
    std::uint16_t header_length = 0;  ///< a hint: bytes of all headers
    std::uint16_t segment_size = 0;   ///< payload of each segment but the last
    std::uint16_t checksum_start = 0;
    std::uint16_t checksum_offset = 0;
};
static_assert(sizeof(OffloadHeader) == 10);

}  // namespace homeward::tunnel
