#include "tunnel/receive_batch.h"

#include <netinet/in.h>

#include <cstring>

namespace homeward::tunnel {
namespace {

constexpr int kUdpGro = 104;  // UDP_GRO, Linux 5.0

}  // namespace

ReceiveBatch::ReceiveBatch() : storage_(new std::uint8_t[kMessages * kStride]) {
    for (std::size_t i = 0; i < kMessages; ++i) {
        vectors_[i] = {storage_.get() + i * kStride, kLargest};
    }
}

unsigned ReceiveBatch::read(int socket) noexcept {
    for (std::size_t i = 0; i < kMessages; ++i) {
        msghdr& header = messages_[i].msg_hdr;
        header = {};
        header.msg_iov = &vectors_[i];
        header.msg_iovlen = 1;
        header.msg_control = controls_[i].bytes;
        header.msg_controllen = sizeof controls_[i].bytes;
    }
    const int count = ::recvmmsg(socket, messages_.data(), kMessages, MSG_DONTWAIT, nullptr);
    return count > 0 ? static_cast<unsigned>(count) : 0;
}

ReceiveBatch::Train ReceiveBatch::train(unsigned index) noexcept {
    Train train;
    train.bytes = {static_cast<std::uint8_t*>(vectors_[index].iov_base), messages_[index].msg_len};
    train.segment = train.bytes.size();
    msghdr& header = messages_[index].msg_hdr;
    for (cmsghdr* control = CMSG_FIRSTHDR(&header); control != nullptr; control = CMSG_NXTHDR(&header, control)) {
        if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_TOS) {
            train.tos = *CMSG_DATA(control);
        } else if (control->cmsg_level == IPPROTO_UDP && control->cmsg_type == kUdpGro) {
            int segment = 0;
            std::memcpy(&segment, CMSG_DATA(control), sizeof segment);
            train.segment = segment > 0 ? static_cast<std::size_t>(segment) : train.segment;
        }
    }
    return train;
}

}  // namespace homeward::tunnel
