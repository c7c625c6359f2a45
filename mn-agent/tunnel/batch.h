#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>

#include "mip/tunnel.h"
#include "tunnel/loop.h"

namespace homeward::tunnel {

inline constexpr std::size_t kBuffer = 65536;  ///< tunnel header and the largest IPv4 packet

/// Packets on their way into one uplink's socket. Each buffer starts with the tunnel header, so that one contiguous
/// piece is sent. Storage is taken once; filling swaps buffers.
struct Loop::Batch {
    Batch() : storage(new std::uint8_t[kBatch * kBuffer]) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            buffers[i] = storage.get() + i * kBuffer;
        }
    }
    bool full() const noexcept { return count == kBatch; }
    bool empty() const noexcept { return sent == count; }
    void clear() noexcept { sent = count = 0; }
    Packet packet(std::size_t index) const noexcept { return {buffers[index] + mip::kTunnelHeaderSize, sizes[index]}; }
    /// Takes the packet in `buffer` over and leaves a free buffer in its place.
    void push(std::uint8_t*& buffer, std::size_t size, std::uint8_t tos) noexcept {
        std::memcpy(buffer, mip::kTunnelHeader.data(), mip::kTunnelHeaderSize);
        std::swap(buffers[count], buffer);
        sizes[count] = size;
        tos_values[count] = tos;
        ++count;
    }
    /// Lays out messages `sent`…`count` for sendmmsg. A TOS other than the socket's (0) travels as control data.
    mmsghdr* messages() noexcept {
        for (std::size_t i = sent; i < count; ++i) {
            vectors[i] = {buffers[i], sizes[i] + mip::kTunnelHeaderSize};
            headers[i] = {};
            headers[i].msg_hdr.msg_iov = &vectors[i];
            headers[i].msg_hdr.msg_iovlen = 1;
            if (tos_values[i] != 0) {
                put_tos(i);
            }
        }
        return &headers[sent];
    }

    void put_tos(std::size_t i) noexcept {
        msghdr& header = headers[i].msg_hdr;
        header.msg_control = controls[i].bytes;
        header.msg_controllen = sizeof controls[i].bytes;
        cmsghdr* control = CMSG_FIRSTHDR(&header);
        control->cmsg_level = IPPROTO_IP;
        control->cmsg_type = IP_TOS;
        control->cmsg_len = CMSG_LEN(sizeof(int));
        const int value = tos_values[i];
        std::memcpy(CMSG_DATA(control), &value, sizeof value);
    }

    union Control {
        cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    };
    std::unique_ptr<std::uint8_t[]> storage;
    std::array<std::uint8_t*, kBatch> buffers{};
    std::array<std::size_t, kBatch> sizes{};
    std::array<std::uint8_t, kBatch> tos_values{};
    std::array<mmsghdr, kBatch> headers{};
    std::array<iovec, kBatch> vectors{};
    std::array<Control, kBatch> controls{};
    std::size_t count = 0;
    std::size_t sent = 0;
    bool blocked = false;  ///< the socket takes no more for now; its queue is not read
};

/// Room for one recvmmsg.
struct Loop::Receive {
    Receive() : storage(new std::uint8_t[kBatch * kBuffer]) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            vectors[i] = {storage.get() + i * kBuffer, kBuffer};
        }
    }
    mmsghdr* messages() noexcept {
        for (std::size_t i = 0; i < kBatch; ++i) {
            headers[i] = {};
            headers[i].msg_hdr.msg_iov = &vectors[i];
            headers[i].msg_hdr.msg_iovlen = 1;
            headers[i].msg_hdr.msg_control = controls[i].bytes;
            headers[i].msg_hdr.msg_controllen = sizeof controls[i].bytes;
        }
        return headers.data();
    }
    std::uint8_t tos(std::size_t i) noexcept {
        msghdr& header = headers[i].msg_hdr;
        for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
            if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS) {
                return *CMSG_DATA(control);
            }
        }
        return 0;
    }

    union Control {
        cmsghdr align;
        char bytes[CMSG_SPACE(sizeof(int))];
    };
    std::unique_ptr<std::uint8_t[]> storage;
    std::array<mmsghdr, kBatch> headers{};
    std::array<iovec, kBatch> vectors{};
    std::array<Control, kBatch> controls{};
};

}  // namespace homeward::tunnel
