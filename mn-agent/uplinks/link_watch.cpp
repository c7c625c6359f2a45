#include "uplinks/link_watch.h"

#include <linux/if.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>

#include "netlink/attribute.h"
#include "netlink/message.h"
#include "netlink/socket.h"
#include "uplinks/link_message.h"

namespace homeward::uplinks {
namespace {

/// The kernel removes the routes of an address or interface that goes without telling of each.
bool takes_routes_along(const nlmsghdr& message) {
    if (message.nlmsg_type == RTM_DELADDR) {
        return true;
    }
    const auto* link = netlink::header_of<ifinfomsg>(message);
    return message.nlmsg_type == RTM_NEWLINK && link != nullptr && (link->ifi_flags & IFF_UP) == 0;
}

}  // namespace

Result<LinkWatch> LinkWatch::open(std::uint8_t own_protocol) {
    Result<UniqueFd> fd =
        netlink::open_netlink(NETLINK_ROUTE, RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV4_ROUTE, SOCK_NONBLOCK);
    if (!fd) {
        return fd.error();
    }
    LinkWatch watch{std::move(*fd), own_protocol};
    if (Status status = watch.resynchronise(); !status) {
        return status.error();
    }
    return watch;
}

bool LinkWatch::read() {
    bool received = false;
    while (true) {
        bool routes_stale = false;
        const ssize_t size = netlink::receive(fd_.get(), [&](const nlmsghdr& message) {
            apply(message, own_protocol_, model_);
            routes_stale = routes_stale || takes_routes_along(message);
        });
        if (size < 0 && errno == EINTR) {
            continue;
        }
        if (size == 0 || (size < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))) {
            return received;
        }
        received = true;
        // A negative size here is ENOBUFS: the kernel dropped notifications.
        if ((size < 0 || routes_stale) && !resynchronise()) {
            return received;
        }
    }
}

Status LinkWatch::resynchronise() {
    Result<netlink::Socket> socket = netlink::Socket::open();
    if (!socket) {
        return socket.error();
    }
    model_.clear();
    const netlink::Visitor visitor = [this](const nlmsghdr& message) { apply(message, own_protocol_, model_); };
    int error = 0;
    {
        netlink::Message links(RTM_GETLINK, 0);
        links.extra<ifinfomsg>().ifi_family = AF_UNSPEC;
        error = socket->dump(links, visitor);
    }
    for (const std::uint16_t type : {std::uint16_t{RTM_GETADDR}, std::uint16_t{RTM_GETROUTE}}) {
        netlink::Message request(type, 0);
        if (type == RTM_GETADDR) {
            request.extra<ifaddrmsg>().ifa_family = AF_INET;
        } else {
            request.extra<rtmsg>().rtm_family = AF_INET;
        }
        error = error != 0 ? error : socket->dump(request, visitor);
    }
    if (error != 0) {
        return Error{std::string("reading interfaces by rtnetlink: ") + std::strerror(error)};
    }
    return {};
}

}  // namespace homeward::uplinks
