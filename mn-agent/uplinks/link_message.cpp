#include "uplinks/link_message.h"

#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <array>

#include "netlink/attribute.h"

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
    // A bridge tells of its ports in messages of another family: RTM_DELLINK of a port that left, for one.
    if (info == nullptr || info->ifi_family != AF_UNSPEC) {
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
    // "Wireless extensions" tell of a scan's end by an RTM_NEWLINK with little else in it.
    if (attributes[IFLA_MTU] != nullptr) {
        change.mtu = number(attributes[IFLA_MTU]);
    }
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

}  // namespace

void apply(const nlmsghdr& message, std::uint8_t own_protocol, LinkModel& model) {
    switch (message.nlmsg_type) {
        case RTM_NEWLINK:
        case RTM_DELLINK:
            return apply_link(model, message, message.nlmsg_type == RTM_DELLINK);
        case RTM_NEWADDR:
        case RTM_DELADDR:
            return apply_address(model, message, message.nlmsg_type == RTM_DELADDR);
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            return apply_route(model, message, message.nlmsg_type == RTM_DELROUTE, own_protocol);
        default:
            return;
    }
}

}  // namespace homeward::uplinks
