#include "netlink/socket.h"

#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "netlink/attribute.h"

namespace homeward::netlink {
namespace {

constexpr std::size_t kLongest = 32768;  // what the kernel puts into one read of a dump, at most

/// What a message says about the end of an exchange: 0 or errno; nothing while it goes on.
std::optional<int> outcome(const nlmsghdr& message) {
    if (message.nlmsg_type == NLMSG_ERROR) {
        const auto* error = header_of<nlmsgerr>(message);
        return error != nullptr ? -error->error : EBADMSG;
    }
    if (message.nlmsg_type == NLMSG_DONE) {
        // A dump that failed on its way says so here.
        const auto* status = header_of<int>(message);
        return status != nullptr && *status < 0 ? -*status : 0;
    }
    return {};
}

}  // namespace

Result<UniqueFd> open_netlink(int family, std::uint32_t groups, int flags) {
    UniqueFd fd{::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | flags, family)};
    sockaddr_nl address{};
    address.nl_family = AF_NETLINK;
    address.nl_groups = groups;
    if (!fd || ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return Error{std::string("netlink socket: ") + std::strerror(errno)};
    }
    return fd;
}

ssize_t receive(int fd, const Visitor& visitor) {
    alignas(nlmsghdr) std::array<char, kLongest> buffer;
    sockaddr_nl from{};
    socklen_t length = sizeof from;
    const ssize_t size =
        ::recvfrom(fd, buffer.data(), buffer.size(), MSG_TRUNC, reinterpret_cast<sockaddr*>(&from), &length);
    if (size < 0) {
        return size;
    }
    if (static_cast<std::size_t>(size) > buffer.size()) {
        errno = ENOSPC;
        return -1;
    }
    // Any process may send to a netlink socket; the kernel's messages come from port 0.
    auto left = from.nl_pid == 0 ? static_cast<std::size_t>(size) : 0;
    const char* next = buffer.data();
    while (left >= sizeof(nlmsghdr)) {
        const auto& message = *reinterpret_cast<const nlmsghdr*>(next);
        if (message.nlmsg_len < sizeof message || message.nlmsg_len > left) {
            break;
        }
        visitor(message);
        const std::size_t step = std::min(padded(message.nlmsg_len), left);
        next += step;
        left -= step;
    }
    return size;
}

Result<Socket> Socket::open() {
    return open(NETLINK_ROUTE);
}

Result<Socket> Socket::open(int family) {
    Result<UniqueFd> fd = open_netlink(family, 0, 0);
    if (!fd) {
        return fd.error();
    }
    return Socket{std::move(*fd)};
}

int Socket::request(Message& message) {
    return request(message, [](const nlmsghdr&) {});
}

int Socket::request(Message& message, const Visitor& visitor) {
    message.header()->nlmsg_flags |= NLM_F_ACK;
    return exchange(message, visitor);
}

int Socket::dump(Message& message, const Visitor& visitor) {
    message.header()->nlmsg_flags |= NLM_F_DUMP;
    return exchange(message, visitor);
}

int Socket::exchange(Message& message, const Visitor& visitor) {
    message.header()->nlmsg_seq = ++sequence_;
    if (::send(fd_.get(), message.header(), message.header()->nlmsg_len, 0) < 0) {
        return errno;
    }
    std::optional<int> result;
    bool interrupted = false;
    while (!result) {
        const ssize_t size = receive(fd_.get(), [&](const nlmsghdr& answer) {
            if (answer.nlmsg_seq != sequence_ || result) {
                return;  // the rest of an exchange that was given up
            }
            interrupted = interrupted || (answer.nlmsg_flags & NLM_F_DUMP_INTR) != 0;
            result = outcome(answer);
            if (!result && answer.nlmsg_type >= NLMSG_MIN_TYPE) {
                visitor(answer);
            }
        });
        if (size < 0 && errno != EINTR) {
            return errno;
        }
    }
    return *result == 0 && interrupted ? EINTR : *result;
}

}  // namespace homeward::netlink
