#pragma once

#include <cstddef>
#include <cstdint>

#include "tunnel/offload_header.h"
#include "tunnel/packet.h"

namespace homeward::tunnel {

/// Finishes what the kernel left undone about one packet read from the TUN: a checksum, or the cutting of up to 64 KB
/// of TCP or UDP into packets that fit the link. What comes out is what the kernel would have sent had nothing been
/// offered to it:
///
///     every segment    identification +1; lengths, checksums; TCP's sequence number moves on
///     the first alone  CWR
///     the last alone   FIN, PSH, and whatever length is left
class Segmenter {
  public:
    /// No packet gives more; segments so small exist in nobody's network.
    static constexpr std::size_t kMostSegments = 2560;

    /// Takes a packet of at least an IPv4 header, which must stay as it is until the last `next`. False: the header
    /// asks for what was not offered, or does not fit the packet; there is nothing to read then.
    bool begin(const OffloadHeader& offload, wire::ByteView packet) noexcept;
    /// Packets that `next` will give, and their bytes together.
    std::size_t count() const noexcept { return count_; }
    std::size_t bytes() const noexcept { return count_ * headers_ + payload_; }
    /// Is the packet cut at all?
    bool cuts() const noexcept { return kind_ != OffloadHeader::kWhole; }
    /// Writes the next packet to `out` (bytes up to the largest one's) and returns its size; 0 after the last.
    std::size_t next(std::uint8_t* out) noexcept;

  private:
    bool begin_whole(const OffloadHeader& offload) noexcept;
    bool begin_cut(const OffloadHeader& offload) noexcept;
    void write_headers(Packet segment, bool first, bool last) const noexcept;

    wire::ByteView packet_;
    std::uint8_t kind_ = OffloadHeader::kWhole;
    std::size_t transport_ = 0;  ///< offset of the TCP or UDP header
    std::size_t headers_ = 0;    ///< bytes in front of the payload
    std::size_t payload_ = 0;    ///< of the whole packet
    std::size_t segment_ = 0;    ///< payload of one segment
    std::size_t count_ = 0;
    std::size_t given_ = 0;
    std::size_t checksum_ = 0;        ///< whole packets: offset of an unfinished checksum, 0: none
    std::size_t checksum_start_ = 0;  ///< whole packets: where that checksum's bytes begin
};

}  // namespace homeward::tunnel
