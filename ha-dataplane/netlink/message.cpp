#include "netlink/message.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cstring>

namespace homeward::netlink {
namespace {

/// Attributes by type, as far as `Max`; each checked to lie in the message.
template <std::size_t Max>
struct Attributes {
    std::array<const nlattr*, Max + 1> by_type{};

    // cppcheck-suppress CastIntegerToAddressAtReturn  // takes the element for an integer
    const nlattr* operator[](std::size_t type) const { return by_type[type]; }
};

template <std::size_t Max>
int collect(const nlattr* attribute, void* into) {
    const std::uint16_t type = mnl_attr_get_type(attribute);
    if (type <= Max) {
        static_cast<Attributes<Max>*>(into)->by_type[type] = attribute;
    }
    return MNL_CB_OK;
}

template <std::size_t Max, class Payload>
bool read_message(const nlmsghdr* message, const Payload*& payload, Attributes<Max>& attributes) {
    if (mnl_nlmsg_get_payload_len(message) < sizeof(Payload)) {
        return false;
    }
    payload = static_cast<const Payload*>(mnl_nlmsg_get_payload(message));
    return mnl_attr_parse(message, sizeof(Payload), collect<Max>, &attributes) >= 0;
}

template <class T>
std::optional<T> value(const nlattr* attribute) {
    if (attribute == nullptr || mnl_attr_get_payload_len(attribute) < sizeof(T)) {
        return std::nullopt;
    }
    T held;
    std::memcpy(&held, mnl_attr_get_payload(attribute), sizeof held);
    return held;
}

std::optional<wire::Ipv4Address> address(const nlattr* attribute) {
    if (attribute == nullptr || mnl_attr_get_payload_len(attribute) != 4) {
        return std::nullopt;
    }
    return wire::Ipv4Address{wire::be32::from_raw(*value<std::uint32_t>(attribute))};
}

bool is_dead(unsigned flags) {
    return (flags & (RTNH_F_DEAD | RTNH_F_LINKDOWN)) != 0;
}

/// RTA_MULTIPATH: rtnexthop records, each with attributes of its own behind it.
std::vector<NextHop> multipath(const nlattr* attribute) {
    std::vector<NextHop> hops;
    const auto* at = static_cast<const char*>(mnl_attr_get_payload(attribute));
    std::size_t rest = mnl_attr_get_payload_len(attribute);
    rtnexthop hop;
    while (rest >= sizeof hop) {
        std::memcpy(&hop, at, sizeof hop);
        const std::size_t size = hop.rtnh_len;
        if (size < sizeof hop || size > rest) {
            break;
        }
        Attributes<RTA_GATEWAY> inner;
        mnl_attr_parse_payload(at + sizeof hop, size - sizeof hop, collect<RTA_GATEWAY>, &inner);
        hops.push_back(
            {hop.rtnh_ifindex, address(inner[RTA_GATEWAY]).value_or(wire::Ipv4Address{}), is_dead(hop.rtnh_flags)});
        const std::size_t step = std::min(size + (4 - size % 4) % 4, rest);
        at += step;
        rest -= step;
    }
    return hops;
}

}  // namespace

std::optional<RouteMessage> parse_route(const nlmsghdr* message) {
    const rtmsg* route = nullptr;
    Attributes<RTA_TABLE> attributes;
    if (!read_message(message, route, attributes) || route->rtm_family != AF_INET || route->rtm_dst_len > 32 ||
        (route->rtm_flags & RTM_F_CLONED) != 0) {
        return std::nullopt;
    }
    const auto network = address(attributes[RTA_DST]);
    if (!network && route->rtm_dst_len != 0) {
        return std::nullopt;
    }
    RouteMessage result;
    result.removed = message->nlmsg_type == RTM_DELROUTE;
    result.replaces = (message->nlmsg_flags & NLM_F_REPLACE) != 0;
    result.prefix = wire::Ipv4Prefix::of(network.value_or(wire::Ipv4Address{}), route->rtm_dst_len);
    result.table = value<std::uint32_t>(attributes[RTA_TABLE]).value_or(route->rtm_table);
    result.type = route->rtm_type;
    result.tos = route->rtm_tos;
    result.metric = value<std::uint32_t>(attributes[RTA_PRIORITY]).value_or(0);
    if (attributes[RTA_MULTIPATH] != nullptr) {
        result.next_hops = multipath(attributes[RTA_MULTIPATH]);
    } else if (const auto interface = value<int>(attributes[RTA_OIF])) {
        result.next_hops.push_back(
            {*interface, address(attributes[RTA_GATEWAY]).value_or(wire::Ipv4Address{}), is_dead(route->rtm_flags)});
    }
    return result;
}

std::optional<NeighbourMessage> parse_neighbour(const nlmsghdr* message) {
    const ndmsg* neighbour = nullptr;
    Attributes<NDA_LLADDR> attributes;
    if (!read_message(message, neighbour, attributes) || neighbour->ndm_family != AF_INET) {
        return std::nullopt;
    }
    const auto destination = address(attributes[NDA_DST]);
    if (!destination) {
        return std::nullopt;
    }
    NeighbourMessage result;
    result.removed = message->nlmsg_type == RTM_DELNEIGH;
    result.interface = neighbour->ndm_ifindex;
    result.address = *destination;
    result.state = neighbour->ndm_state;
    if (attributes[NDA_LLADDR] != nullptr && mnl_attr_get_payload_len(attributes[NDA_LLADDR]) == sizeof(MacAddress)) {
        result.mac = value<MacAddress>(attributes[NDA_LLADDR]);
    }
    return result;
}

std::optional<LinkMessage> parse_link(const nlmsghdr* message) {
    const ifinfomsg* link = nullptr;
    Attributes<IFLA_IFNAME> attributes;
    if (!read_message(message, link, attributes)) {
        return std::nullopt;
    }
    LinkMessage result;
    result.removed = message->nlmsg_type == RTM_DELLINK;
    result.interface = link->ifi_index;
    result.up = (link->ifi_flags & IFF_UP) != 0;
    if (const nlattr* name = attributes[IFLA_IFNAME]; name != nullptr) {
        const auto* text = static_cast<const char*>(mnl_attr_get_payload(name));
        result.name.assign(text, strnlen(text, mnl_attr_get_payload_len(name)));
    }
    return result;
}

}  // namespace homeward::netlink
