#include "uplinks/link_watch.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "netlink/attribute.h"
#include "netlink/message.h"
#include "netlink/socket.h"

namespace homeward::uplinks {
namespace {

using Attributes = std::array<const nlattr*, 64>;

Attributes attributes_of(const nlmsghdr& message, std::size_t header) {
    Attributes attributes{};
    netlink::for_each(netlink::attributes(message, header), [&](const nlattr& attribute) {
        if (netlink::type_of(attribute) < attributes.size()) {
            attributes[netlink::type_of(attribute)] = &attribute;
        }
    });
    return attributes;
}

std::uint32_t number(const nlattr* attribute) {
    return netlink::number<std::uint32_t>(attribute);
}

wire::Ipv4Address address(const nlattr* attribute) {
    return wire::Ipv4Address{wire::be32::from_raw(number(attribute))};
}

void apply_link(LinkModel& model, const nlmsghdr& message, bool removed) {
    const auto* info = netlink::header_of<ifinfomsg>(message);
    if (info == nullptr) {
        return;
    }
    const Attributes attributes = attributes_of(message, sizeof *info);
    LinkChange change;
    change.index = info->ifi_index;
    change.removed = removed;
    change.name = netlink::text(attributes[IFLA_IFNAME]);
    // IFF_RUNNING is up, with carrier, and operationally ready; a device that reports no state counts as ready.
    change.running = (info->ifi_flags & IFF_UP) != 0 && (info->ifi_flags & IFF_RUNNING) != 0;
    change.point_to_point = (info->ifi_flags & (IFF_POINTOPOINT | IFF_NOARP)) != 0;
    change.mtu = number(attributes[IFLA_MTU]);
    model.apply(change);
}

void apply_address(LinkModel& model, const nlmsghdr& message, bool removed) {
    const auto* info = netlink::header_of<ifaddrmsg>(message);
    if (info == nullptr || info->ifa_family != AF_INET || info->ifa_scope >= RT_SCOPE_HOST) {
        return;
    }
    const Attributes attributes = attributes_of(message, sizeof *info);
    const nlattr* local = attributes[IFA_LOCAL] != nullptr ? attributes[IFA_LOCAL] : attributes[IFA_ADDRESS];
    if (local == nullptr) {
        return;
    }
    model.apply(AddressChange{static_cast<int>(info->ifa_index), {address(local), info->ifa_prefixlen}, removed});
}

void apply_route(LinkModel& model, const nlmsghdr& message, bool removed, std::uint8_t own_protocol) {
    const auto* info = netlink::header_of<rtmsg>(message);
    if (info == nullptr || info->rtm_family != AF_INET || info->rtm_dst_len != 0 || info->rtm_type != RTN_UNICAST ||
        info->rtm_protocol == own_protocol || (info->rtm_flags & RTM_F_CLONED) != 0) {
        return;
    }
    const Attributes attributes = attributes_of(message, sizeof *info);
    if (attributes[RTA_OIF] == nullptr) {
        return;
    }
    GatewayChange change;
    change.index = static_cast<int>(number(attributes[RTA_OIF]));
    change.metric = number(attributes[RTA_PRIORITY]);
    change.table = attributes[RTA_TABLE] != nullptr ? number(attributes[RTA_TABLE]) : info->rtm_table;
    change.removed = removed;
    if (attributes[RTA_GATEWAY] != nullptr) {
        change.gateway = address(attributes[RTA_GATEWAY]);
    }
    model.apply(change);
}

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
            apply(message);
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

void LinkWatch::apply(const nlmsghdr& message) {
    switch (message.nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            return apply_link(model_, message, message.nlmsg_type == RTM_DELLINK);
        case RTM_NEWADDR:
        case RTM_DELADDR:
            return apply_address(model_, message, message.nlmsg_type == RTM_DELADDR);
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            return apply_route(model_, message, message.nlmsg_type == RTM_DELROUTE, own_protocol_);
        default:
            return;
    }
}

Status LinkWatch::resynchronise() {
    Result<netlink::Socket> socket = netlink::Socket::open();
    if (!socket) {
        return socket.error();
    }
    model_.clear();
    const netlink::Visitor visitor = [this](const nlmsghdr& message) { apply(message); };
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
