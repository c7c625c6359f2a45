#include "tunnel/send_batch.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

namespace homeward::tunnel {
namespace {

constexpr int kUdpSegment = 103;  // UDP_SEGMENT, Linux 4.18

template <class Value>
void put_control(msghdr& header, int level, int type, Value value) noexcept {
    auto* control = reinterpret_cast<cmsghdr*>(static_cast<char*>(header.msg_control) + header.msg_controllen);
    control->cmsg_level = level;
    control->cmsg_type = type;
    control->cmsg_len = CMSG_LEN(sizeof value);
    std::memcpy(CMSG_DATA(control), &value, sizeof value);
    header.msg_controllen += CMSG_SPACE(sizeof value);
}

}  // namespace

SendBatch::SendBatch() : storage_(new std::uint8_t[kFullBytes + kReservedBytes]) {}

void SendBatch::push(std::size_t size, std::uint8_t tos, std::uint16_t number) noexcept {
    std::uint8_t* header = storage_.get() + bytes_;
    std::memcpy(header, mip::kTunnelHeader.data(), mip::kTunnelHeaderSize);
    header[2] = static_cast<std::uint8_t>(number >> 8U);
    header[3] = static_cast<std::uint8_t>(number);
    at_[count_] = static_cast<std::uint32_t>(bytes_);
    size_[count_] = static_cast<std::uint16_t>(size);
    tos_[count_] = tos;
    bytes_ += mip::kTunnelHeaderSize + size;
    ++count_;
}

/// How many packets from `first` on may go as one message.
std::size_t SendBatch::train_from(std::size_t first) const noexcept {
    if (!trains_ || plain_ || first < alone_until_) {
        return 1;
    }
    const std::size_t end = std::min(count_, first + kTrain);
    std::size_t bytes = size_[first] + mip::kTunnelHeaderSize;
    std::size_t next = first + 1;
    for (; next < end && tos_[next] == tos_[first] && size_[next] <= size_[first]; ++next) {
        bytes += size_[next] + mip::kTunnelHeaderSize;
        if (bytes > kTrainBytes) {
            break;
        }
        if (size_[next] < size_[first]) {
            ++next;
            break;
        }
    }
    return next - first;
}

/// A TOS other than the socket's (0) and the size of a train's segments travel as control data.
void SendBatch::put_message(std::size_t index, std::size_t first, std::size_t packets) noexcept {
    const std::size_t last = first + packets - 1;
    const std::size_t begin = at_[first] + mip::kTunnelHeaderSize - header();
    vectors_[index] = {storage_.get() + begin, at_[last] + mip::kTunnelHeaderSize + size_[last] - begin};
    packets_[index] = static_cast<std::uint16_t>(packets);
    msghdr& header = messages_[index].msg_hdr;
    header = {};
    header.msg_iov = &vectors_[index];
    header.msg_iovlen = 1;
    header.msg_control = controls_[index].bytes;
    if (tos_[first] != 0) {
        put_control(header, IPPROTO_IP, IP_TOS, static_cast<int>(tos_[first]));
    }
    if (packets > 1) {
        put_control(header, IPPROTO_UDP, kUdpSegment,
                    static_cast<std::uint16_t>(size_[first] + mip::kTunnelHeaderSize));
    }
}

unsigned SendBatch::lay_out() noexcept {
    std::size_t index = 0;
    for (std::size_t next = sent_; next < count_ && index < kMessages; ++index) {
        const std::size_t packets = train_from(next);
        put_message(index, next, packets);
        next += packets;
    }
    return static_cast<unsigned>(index);
}

SendBatch::Amount SendBatch::sent(std::size_t messages) noexcept {
    Amount amount;
    for (std::size_t i = 0; i < messages; ++i) {
        amount.packets += packets_[i];
        amount.bytes += vectors_[i].iov_len - packets_[i] * header();
    }
    sent_ += amount.packets;
    return amount;
}

bool SendBatch::break_first() noexcept {
    if (packets_[0] < 2) {
        return false;
    }
    alone_until_ = sent_ + packets_[0];
    return true;
}

const msghdr* SendBatch::first_alone() noexcept {
    put_message(0, sent_, 1);
    return &messages_[0].msg_hdr;
}

}  // namespace homeward::tunnel
