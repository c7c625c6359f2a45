#include "port.h"

#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <system_error>

namespace harness::link {
namespace {

using std::chrono::nanoseconds;

constexpr int kReceiveBuffer = 32 << 20;

nanoseconds read_clock(clockid_t clock) noexcept {
    timespec time{};
    clock_gettime(clock, &time);
    return std::chrono::seconds{time.tv_sec} + nanoseconds{time.tv_nsec};
}

/// Between two readings of the monotonic clock, and again while this process was put aside meanwhile: what
/// was read across that would make every stamp of the batch early or late by as much.
nanoseconds realtime_ahead() noexcept {
    constexpr int kAttempts = 8;
    constexpr nanoseconds kUndisturbed = std::chrono::microseconds{20};
    nanoseconds ahead{}, shortest = nanoseconds::max();
    for (int attempt = 0; attempt < kAttempts && shortest > kUndisturbed; ++attempt) {
        const nanoseconds before = now();
        const nanoseconds realtime = read_clock(CLOCK_REALTIME);
        const nanoseconds after = now();
        if (after - before < shortest) {
            shortest = after - before;
            ahead = realtime - (before + shortest / 2);
        }
    }
    return ahead;
}

void set_option(int file, int level, int name, int value, const std::string& device) {
    if (setsockopt(file, level, name, &value, sizeof value) != 0) {
        throw std::system_error{errno, std::generic_category(), device};
    }
}

}  // namespace

nanoseconds now() noexcept {
    return read_clock(CLOCK_MONOTONIC);
}

Port::Port(const std::string& device)
    : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)), frames_(kBatch * kLongestFrame) {
    if (socket_ < 0) {
        throw std::system_error{errno, std::generic_category(), "packet socket"};
    }
    set_option(socket_, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer, device);
    set_option(socket_, SOL_SOCKET, SO_TIMESTAMPNS, 1, device);
    set_option(socket_, SOL_PACKET, PACKET_IGNORE_OUTGOING, 1, device);
    set_option(socket_, SOL_PACKET, PACKET_QDISC_BYPASS, 1, device);
    sockaddr_ll link{};
    link.sll_family = AF_PACKET;
    link.sll_protocol = htons(ETH_P_ALL);
    link.sll_ifindex = static_cast<int>(if_nametoindex(device.c_str()));
    if (link.sll_ifindex == 0 || bind(socket_, reinterpret_cast<const sockaddr*>(&link), sizeof link) != 0) {
        throw std::system_error{errno, std::generic_category(), device};
    }
    for (unsigned i = 0; i < kBatch; ++i) {
        parts_[i] = {frames_.data() + i * kLongestFrame, kLongestFrame};
        messages_[i].msg_hdr.msg_iov = &parts_[i];
        messages_[i].msg_hdr.msg_iovlen = 1;
        messages_[i].msg_hdr.msg_control = control_[i].data();
    }
}

Port::~Port() {
    close(socket_);
}

/// From the kernel's stamp, so that a frame which had to wait for this process is not late by that.
nanoseconds Port::arrival(msghdr& message, nanoseconds ahead) noexcept {
    const nanoseconds current = now();
    nanoseconds time = current;
    for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
        if (part->cmsg_level == SOL_SOCKET && part->cmsg_type == SCM_TIMESTAMPNS) {
            timespec stamp{};
            std::memcpy(&stamp, CMSG_DATA(part), sizeof stamp);
            time = std::chrono::seconds{stamp.tv_sec} + nanoseconds{stamp.tv_nsec} - ahead;
        }
    }
    return last_arrival_ = std::clamp(time, last_arrival_, std::max(last_arrival_, current));
}

void Port::receive(const std::function<void(nanoseconds, std::span<const std::byte>)>& take) {
    while (true) {
        for (mmsghdr& message : messages_) {
            message.msg_hdr.msg_controllen = control_[0].size();
        }
        const int count = recvmmsg(socket_, messages_.data(), kBatch, MSG_DONTWAIT, nullptr);
        if (count <= 0) {
            return;  // nothing more, or the interface went down, which the socket says once
        }
        const nanoseconds ahead = realtime_ahead();
        for (unsigned i = 0; i < static_cast<unsigned>(count); ++i) {
            const nanoseconds time = arrival(messages_[i].msg_hdr, ahead);
            if ((messages_[i].msg_hdr.msg_flags & MSG_TRUNC) != 0) {
                ++oversized_;
            } else {
                take(time, {frames_.data() + i * kLongestFrame, messages_[i].msg_len});
            }
        }
        if (static_cast<unsigned>(count) < kBatch) {
            return;
        }
    }
}

bool Port::send(std::span<const std::byte> frame) noexcept {
    return ::send(socket_, frame.data(), frame.size(), MSG_DONTWAIT) == static_cast<ssize_t>(frame.size());
}

std::uint64_t Port::overrun() noexcept {
    tpacket_stats since_last_time{};
    socklen_t length = sizeof since_last_time;
    getsockopt(socket_, SOL_PACKET, PACKET_STATISTICS, &since_last_time, &length);
    return overrun_ += since_last_time.tp_drops;
}

}  // namespace harness::link
