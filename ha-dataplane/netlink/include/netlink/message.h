#pragma once

#include <linux/netlink.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "wire/ipv4.h"

namespace homeward::netlink {

using MacAddress = std::array<std::uint8_t, 6>;

/// What of the kernel's messages the data plane needs, as types. The parsers take a message whose length the caller
/// has checked against its buffer (mnl_nlmsg_ok); nullopt: not IPv4, not complete, or nothing for us.

struct NextHop {
    int interface = 0;
    wire::Ipv4Address gateway;  ///< 0: the destination is on the link
    bool dead = false;          ///< the kernel would not use it: link down or no carrier

    friend bool operator==(const NextHop&, const NextHop&) = default;
};

struct RouteMessage {
    bool removed = false;
    bool replaces = false;  ///< takes the place of an entry with the same table, TOS and metric
    wire::Ipv4Prefix prefix;
    std::uint32_t table = 0;
    std::uint8_t type = 0;  ///< RTN_UNICAST …
    std::uint8_t tos = 0;
    std::uint32_t metric = 0;
    std::vector<NextHop> next_hops;
};

struct NeighbourMessage {
    bool removed = false;
    int interface = 0;
    wire::Ipv4Address address;
    std::optional<MacAddress> mac;
    std::uint16_t state = 0;  ///< NUD_REACHABLE …
};

struct LinkMessage {
    bool removed = false;
    int interface = 0;
    std::string name;
    bool up = false;
};

std::optional<RouteMessage> parse_route(const nlmsghdr* message);
std::optional<NeighbourMessage> parse_neighbour(const nlmsghdr* message);
std::optional<LinkMessage> parse_link(const nlmsghdr* message);

}  // namespace homeward::netlink
