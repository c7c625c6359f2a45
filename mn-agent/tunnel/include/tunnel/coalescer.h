#pragma once

#include <sys/uio.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "tunnel/offload_header.h"
#include "tunnel/packet.h"

namespace homeward::tunnel {

/// Puts consecutive segments of one TCP flow together again, so that the kernel takes them in one write and as one
/// packet. The inverse of `Segmenter`: nothing is merged that cutting would not give back (identifications of packets
/// with DF excepted, RFC 6864), so that nobody behind this host can tell.
///
///     joined      same addresses, ports, TOS (ECN), TTL, DF, ACK number, window, options, flags; sequence follows; a
///                 checksum that is right; no more payload than the first has
///     ends there  PSH, FIN, less payload than the first, 64 KB
///     alone       anything else: SYN, RST, URG, CWR, no payload, IPv4 options, fragments, other protocols
///
/// Packets are not copied: they must stay until `clear`. Order within a flow is kept; a packet that cannot be joined
/// to its flow's train begins a new one behind it.
class Coalescer {
  public:
    static constexpr std::size_t kMostTrains = 64;
    static constexpr std::size_t kMostPackets = 64;  ///< in one train

    explicit Coalescer(bool joins);

    /// Takes an IPv4 packet whose header was checked and whose size is its total length; it may be changed. False:
    /// there is no room, all trains must be written first.
    bool add(Packet packet) noexcept;
    std::size_t trains() const noexcept { return count_; }
    /// The pieces of one write to the TUN, offload header first.
    std::span<const iovec> finish(std::size_t train) noexcept;
    std::size_t packets(std::size_t train) const noexcept { return trains_[train].pieces - 1; }
    void clear() noexcept { count_ = 0; }

  private:
    /// What a packet must have to be joined.
    struct Flow {
        std::uint32_t source = 0;
        std::uint32_t ports = 0;
        std::uint32_t next_sequence = 0;
        bool tcp = false;
        bool open = false;  ///< may grow
    };
    struct Train {
        OffloadHeader offload;
        Packet head;
        std::size_t headers = 0;
        std::size_t segment = 0;  ///< payload of the first packet
        std::size_t size = 0;     ///< of the packet that comes out
        std::size_t pieces = 0;
        std::uint16_t last_identification = 0;
        std::uint8_t last_flags = 0;
        bool verified = false;  ///< the head's checksum is right
        std::array<iovec, kMostPackets + 1> vectors;
    };

    bool begin(Packet packet, const Flow& flow, std::size_t headers) noexcept;
    bool joinable(const Train& train, const Flow& flow, Packet packet, std::size_t headers) const noexcept;
    bool join(std::size_t index, Packet packet, std::size_t headers) noexcept;

    const bool joins_;
    std::size_t count_ = 0;
    std::array<Flow, kMostTrains> flows_{};
    std::unique_ptr<std::array<Train, kMostTrains>> storage_;
    std::array<Train, kMostTrains>& trains_;
};

}  // namespace homeward::tunnel
