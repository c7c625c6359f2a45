#pragma once

#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "tunnel/packet.h"

namespace homeward::tunnel {

/// Room for one recvmmsg. Where the kernel puts datagrams together (UDP_GRO), a message is a train: datagrams of
/// `segment` bytes, the last may be shorter.
class ReceiveBatch {
  public:
    static constexpr unsigned kMessages = 32;
    struct Train {
        Packet bytes;
        std::size_t segment = 0;
        std::uint8_t tos = 0;
    };

    ReceiveBatch();
    /// Takes what is there; returns the number of messages.
    unsigned read(int socket) noexcept;
    Train train(unsigned index) noexcept;

  private:
    static constexpr std::size_t kLargest = 65536;
    /// Buffers a power of two apart would share the few lines of the cache that fall on the same set.
    static constexpr std::size_t kStride = kLargest + 2048 + 64;

    union Control {
        cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(int))];
    };
    std::unique_ptr<std::uint8_t[]> storage_;
    std::array<mmsghdr, kMessages> messages_{};
    std::array<iovec, kMessages> vectors_{};
    std::array<Control, kMessages> controls_{};
};

}  // namespace homeward::tunnel
