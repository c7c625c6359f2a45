#include "registration_socket.h"

#include <linux/filter.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "mip/tunnel.h"

namespace homeward::daemon {
namespace {

constexpr std::size_t kBatch = 32;
constexpr std::size_t kLargestDatagram = 2048;
constexpr int kBatchesPerTurn = 8;

sockaddr_in socket_address(wire::Ipv4Address address, std::uint16_t port) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_port = wire::be16{port}.raw();
    made.sin_addr.s_addr = address.wire().raw();
    return made;
}

/// The kernel drops wrong checksums but takes absent ones. The filter sees the UDP header first.
bool refuse_zero_checksums(int fd) {
    std::array<sock_filter, 4> program{{
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 6),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffffU),
    }};
    const sock_fprog filter{program.size(), program.data()};
    return ::setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &filter, sizeof filter) == 0;
}

}  // namespace

RegistrationSocket::RegistrationSocket(asio::io_context& loop, wire::Ipv4Address address, bool broadcast,
                                       bool accept_zero_checksum)
    : descriptor_(loop), address_(address), broadcast_(broadcast), accept_zero_checksum_(accept_zero_checksum) {}

Status RegistrationSocket::open() {
    const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return Error{std::string("cannot create a UDP socket: ") + std::strerror(errno)};
    }
    const int buffer = 8 << 20;
    if (::setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof buffer) != 0) {
        ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &buffer, sizeof buffer);
    }
    const sockaddr_in name = socket_address(address_, mip::kPort);
    if ((!accept_zero_checksum_ && !refuse_zero_checksums(fd)) ||
        ::bind(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name) != 0) {
        const Error error{"cannot listen on " + address_.to_string() + ", UDP port 434: " + std::strerror(errno)};
        ::close(fd);
        return error;
    }
    descriptor_.assign(fd);
    return {};
}

void RegistrationSocket::start(Take take) {
    take_ = std::move(take);
    wait();
}

void RegistrationSocket::close() {
    if (descriptor_.is_open()) {
        descriptor_.close();
    }
}

void RegistrationSocket::wait() {
    descriptor_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
        if (!error) {
            drain();
            wait();
        }
    });
}

/// Takes what is there, but not without end: replies and the data plane want their turn.
void RegistrationSocket::drain() {
    static thread_local std::array<std::array<std::uint8_t, kLargestDatagram>, kBatch> bytes;
    std::array<mmsghdr, kBatch> messages{};
    std::array<iovec, kBatch> vectors{};
    std::array<sockaddr_in, kBatch> sources{};
    for (int batch = 0; batch < kBatchesPerTurn; ++batch) {
        for (std::size_t i = 0; i < kBatch; ++i) {
            vectors[i] = {bytes[i].data(), bytes[i].size()};
            messages[i].msg_hdr = {&sources[i], sizeof sources[i], &vectors[i], 1, nullptr, 0, 0};
        }
        const int received = ::recvmmsg(descriptor_.native_handle(), messages.data(), kBatch, MSG_DONTWAIT, nullptr);
        for (int i = 0; i < received; ++i) {
            const auto at = static_cast<std::size_t>(i);
            registration::Datagram datagram;
            datagram.bytes = wire::ByteView{bytes[at]}.first(messages[at].msg_len);
            datagram.source = {wire::Ipv4Address{wire::be32::from_raw(sources[at].sin_addr.s_addr)},
                               wire::be16::from_raw(sources[at].sin_port).host()};
            datagram.to_broadcast = broadcast_;
            take_(datagram);
        }
        if (received < static_cast<int>(kBatch)) {
            return;
        }
    }
}

void RegistrationSocket::send(const registration::Reply& reply) {
    const sockaddr_in to = socket_address(reply.to.address, reply.to.port);
    if (!descriptor_.is_open() || ::sendto(descriptor_.native_handle(), reply.bytes.data(), reply.bytes.size(),
                                           MSG_DONTWAIT, reinterpret_cast<const sockaddr*>(&to), sizeof to) < 0) {
        ++send_failures_;
    }
}

}  // namespace homeward::daemon
