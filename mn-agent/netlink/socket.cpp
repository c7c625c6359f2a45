#include "netlink/socket.h"

#include <linux/netlink.h>

#include <cerrno>
#include <cstring>
#include <vector>

namespace homeward::netlink {
namespace {

int visit(const nlmsghdr* header, void* visitor) {
    if (visitor != nullptr) {
        (*static_cast<const Visitor*>(visitor))(*header);
    }
    return MNL_CB_OK;
}

}  // namespace

void Socket::Close::operator()(mnl_socket* socket) const noexcept {
    mnl_socket_close(socket);
}

Result<Socket> Socket::open() {
    mnl_socket* raw = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (raw == nullptr) {
        return Error{std::string("rtnetlink socket: ") + std::strerror(errno)};
    }
    Socket socket{raw};
    if (mnl_socket_bind(raw, 0, MNL_SOCKET_AUTOPID) != 0) {
        return Error{std::string("rtnetlink socket: ") + std::strerror(errno)};
    }
    return socket;
}

int Socket::request(Message& message) {
    message.header()->nlmsg_flags |= NLM_F_ACK;
    return exchange(message, nullptr);
}

int Socket::dump(Message& message, const Visitor& visitor) {
    message.header()->nlmsg_flags |= NLM_F_DUMP;
    return exchange(message, &visitor);
}

int Socket::exchange(Message& message, const Visitor* visitor) {
    message.header()->nlmsg_seq = ++sequence_;
    if (mnl_socket_sendto(socket_.get(), message.header(), message.header()->nlmsg_len) < 0) {
        return errno;
    }
    std::vector<char> buffer(32768);
    while (true) {
        const ssize_t size = mnl_socket_recvfrom(socket_.get(), buffer.data(), buffer.size());
        if (size < 0 && errno != EINTR) {
            return errno;
        }
        if (size < 0) {
            continue;
        }
        const int state = mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), sequence_,
                                     mnl_socket_get_portid(socket_.get()), visit, const_cast<Visitor*>(visitor));
        if (state <= MNL_CB_STOP) {
            return state == MNL_CB_STOP ? 0 : errno;
        }
    }
}

}  // namespace homeward::netlink
