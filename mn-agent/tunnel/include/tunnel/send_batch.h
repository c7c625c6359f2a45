#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "mip/tunnel.h"
#include "tunnel/packet.h"
#include "tunnel/segmenter.h"

namespace homeward::tunnel {

/// Packets on their way into one uplink's socket. They lie one behind the other, each after a tunnel header of its own,
/// so that a run of equal sizes and TOS goes to the kernel as one message that it cuts (UDP_SEGMENT), the last of the
/// run may be shorter:
///
///     storage  ║ T packet 0 │ T packet 1 │ T packet 2 │ T p. 3 ║ T packet 4 …
///     message  ╚═══════════════ train 0 ══════════════════════╝ ╚═ train 1
///
/// Storage is taken once.
class SendBatch {
  public:
    SendBatch();

    /// May another packet from the TUN be put in? There is room for one of any size, cut.
    bool full() const noexcept { return bytes_ >= kFullBytes || count_ >= kFullPackets; }
    bool empty() const noexcept { return sent_ == count_; }
    void clear() noexcept { sent_ = count_ = bytes_ = alone_until_ = 0; }
    bool fits(const Segmenter& segmenter) const noexcept {
        return segmenter.bytes() + segmenter.count() * mip::kTunnelHeaderSize <= kReservedBytes;
    }
    /// Where the next packet is to be written; then `push`.
    std::uint8_t* room() noexcept { return storage_.get() + bytes_ + mip::kTunnelHeaderSize; }
    /// `number`: of the tunnel header; 0: none.
    void push(std::size_t size, std::uint8_t tos, std::uint16_t number = 0) noexcept;

    /// Without tunnel headers, for a socket that is none of UDP: each packet is a message of its own.
    void set_plain(bool plain) noexcept { plain_ = plain; }
    /// Does the socket take trains? Forgotten by nobody but this call.
    void set_trains(bool trains) noexcept { trains_ = trains; }
    /// Lays out unsent packets for sendmmsg; returns how many messages there are.
    unsigned lay_out() noexcept;
    mmsghdr* messages() noexcept { return messages_.data(); }

    struct Amount {
        std::size_t packets = 0, bytes = 0;  ///< bytes: inner
    };
    /// So many messages of the last `lay_out` are gone.
    Amount sent(std::size_t messages) noexcept;
    /// The packets of the first message go alone from now on; false: it was one packet.
    bool break_first() noexcept;
    /// The first unsent packet as a message of its own.
    const msghdr* first_alone() noexcept;
    wire::ByteView first() const noexcept {
        return {storage_.get() + at_[sent_] + mip::kTunnelHeaderSize, size_[sent_]};
    }
    void skip_first() noexcept { ++sent_; }

    bool blocked = false;  ///< the socket takes no more for now; its queue is not read

  private:
    static constexpr std::size_t kFullBytes = 64 << 10;
    static constexpr std::size_t kFullPackets = 256;
    static constexpr std::size_t kReservedBytes = 320 << 10;
    static constexpr std::size_t kMostPackets = kFullPackets + Segmenter::kMostSegments;
    static constexpr std::size_t kMessages = 64;
    static constexpr std::size_t kTrain = 64;           ///< UDP_MAX_SEGMENTS of every kernel
    static constexpr std::size_t kTrainBytes = 65'507;  ///< the largest UDP datagram

    union Control {
        cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(std::uint16_t))];
    };
    std::size_t train_from(std::size_t first) const noexcept;
    void put_message(std::size_t index, std::size_t first, std::size_t packets) noexcept;
    std::size_t header() const noexcept { return plain_ ? 0 : mip::kTunnelHeaderSize; }

    std::unique_ptr<std::uint8_t[]> storage_;
    std::array<std::uint32_t, kMostPackets> at_;
    std::array<std::uint16_t, kMostPackets> size_;
    std::array<std::uint8_t, kMostPackets> tos_;
    std::size_t count_ = 0;
    std::size_t sent_ = 0;
    std::size_t bytes_ = 0;
    std::size_t alone_until_ = 0;  ///< packets before this one go alone
    bool trains_ = false;
    bool plain_ = false;

    std::array<mmsghdr, kMessages> messages_{};
    std::array<iovec, kMessages> vectors_{};
    std::array<Control, kMessages> controls_{};
    std::array<std::uint16_t, kMessages> packets_{};  ///< of each message laid out
};

}  // namespace homeward::tunnel
