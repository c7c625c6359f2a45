#include <gtest/gtest.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>

#include <cstring>
#include <string_view>

#include "netlink/message.h"

namespace homeward::netlink {
namespace {

/// A message of the kernel as it comes from the socket, in hex with spaces; length and type are the first fields.
std::vector<std::uint32_t> message(std::string_view hex) {
    std::vector<std::uint8_t> bytes;
    for (std::size_t i = 0; i + 1 < hex.size();) {
        if (hex[i] == ' ') {
            ++i;
            continue;
        }
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(std::string{hex.substr(i, 2)}, nullptr, 16)));
        i += 2;
    }
    std::vector<std::uint32_t> aligned((bytes.size() + 3) / 4);
    std::memcpy(aligned.data(), bytes.data(), bytes.size());
    const auto size = static_cast<std::uint32_t>(bytes.size());
    std::memcpy(aligned.data(), &size, sizeof size);
    return aligned;
}

const nlmsghdr* header(const std::vector<std::uint32_t>& held) {
    return reinterpret_cast<const nlmsghdr*>(held.data());
}

wire::Ipv4Address ip(const char* text) {
    return *wire::Ipv4Address::parse(text);
}

// nlmsghdr (length filled in), rtmsg, attributes.
constexpr const char* kNewRoute = "00000000 1800 0000 01000000 00000000 ";
constexpr const char* kReplacedRoute = "00000000 1800 0001 01000000 00000000 ";
constexpr const char* kDelRoute = "00000000 1900 0000 01000000 00000000 ";

TEST(RouteMessage, ReadsWhatTheKernelWrites) {
    // 203.0.113.0/24 via 192.0.2.9 dev 5 metric 100, table main
    const auto held = message(std::string{kNewRoute} +
                              "02 18 00 00 fe 03 00 01 00000000 08000f00 fe000000 08000100 cb007100 "
                              "08000600 64000000 08000500 c0000209 08000400 05000000");
    const auto route = parse_route(header(held));
    ASSERT_TRUE(route);
    EXPECT_FALSE(route->removed || route->replaces);
    EXPECT_EQ(route->prefix.to_string(), "203.0.113.0/24");
    EXPECT_EQ(route->table, 254U);
    EXPECT_EQ(route->metric, 100U);
    EXPECT_EQ(route->type, RTN_UNICAST);
    EXPECT_EQ(route->next_hops, (std::vector<NextHop>{{5, ip("192.0.2.9"), false}}));
}

TEST(RouteMessage, TellsAddedReplacedAndRemoved) {
    const std::string body = "02 00 00 00 fe 03 00 01 00000000 08000400 05000000";
    EXPECT_TRUE(parse_route(header(message(kReplacedRoute + body)))->replaces);
    const auto removed = parse_route(header(message(kDelRoute + body)));
    EXPECT_TRUE(removed->removed);
    EXPECT_EQ(removed->prefix.to_string(), "0.0.0.0/0");
}

TEST(RouteMessage, ReadsSeveralNextHops) {
    // 10.0.0.0/8: dev 5 via 192.0.2.9 (link down), dev 6 on link
    const auto held = message(std::string{kNewRoute} +
                              "02 08 00 00 fe 03 00 01 00000000 08000100 0a000000 "
                              "1c000900 1000 10 00 05000000 08000500 c0000209 0800 00 00 06000000");
    const auto route = parse_route(header(held));
    ASSERT_TRUE(route);
    EXPECT_EQ(route->next_hops, (std::vector<NextHop>{{5, ip("192.0.2.9"), true}, {6, {}, false}}));
}

TEST(RouteMessage, LeavesOutWhatIsNotForUs) {
    const char* rows[] = {
        "0a 00 00 00 fe 03 00 01 00000000",                    // IPv6
        "02 18 00 00 fe 03 00 01 00000000",                    // a length without a destination
        "02 21 00 00 fe 03 00 01 00000000 08000100 cb007100",  // /33
        "02 18 00 00 fe 03 00 01 00020000 08000100 cb007100",  // a cached clone
        "02 18 00 00 fe 03 00",                                // cut off
        "02 18 00 00 fe 03 00 01 00000000 06000100 cb00",      // two bytes of address
    };
    for (const char* row : rows) {
        EXPECT_FALSE(parse_route(header(message(std::string{kNewRoute} + row)))) << row;
    }
}

TEST(RouteMessage, AMultipathRecordThatLiesAboutItsLengthEndsTheList) {
    for (const char* row : {"0c000900 0700 00 00 05000000", "0c000900 0900 00 00 05000000",
                            "0c000900 0000 00 00 05000000", "0a000900 0800 00 00 0500"}) {
        const auto route =
            parse_route(header(message(std::string{kNewRoute} + "02 00 00 00 fe 03 00 01 00000000 " + row)));
        ASSERT_TRUE(route) << row;
        EXPECT_TRUE(route->next_hops.empty()) << row;
    }
}

constexpr const char* kNewNeighbour = "00000000 1c00 0000 01000000 00000000 ";
constexpr const char* kDelNeighbour = "00000000 1d00 0000 01000000 00000000 ";

TEST(NeighbourMessage, ReadsWhatTheKernelWrites) {
    const std::string body = "02 00 0000 05000000 0200 00 01 08000100 c0000209 0a000200 020304050607 0000";
    const auto neighbour = parse_neighbour(header(message(kNewNeighbour + body)));
    ASSERT_TRUE(neighbour);
    EXPECT_FALSE(neighbour->removed);
    EXPECT_EQ(neighbour->interface, 5);
    EXPECT_EQ(neighbour->address, ip("192.0.2.9"));
    EXPECT_EQ(neighbour->mac, (MacAddress{2, 3, 4, 5, 6, 7}));
    EXPECT_EQ(neighbour->state, NUD_REACHABLE);
    EXPECT_TRUE(parse_neighbour(header(message(kDelNeighbour + body)))->removed);
}

TEST(NeighbourMessage, AnUnresolvedOneHasNoMac) {
    const auto neighbour = parse_neighbour(
        header(message(std::string{kNewNeighbour} + "02 00 0000 05000000 0100 00 01 08000100 c0000209")));
    ASSERT_TRUE(neighbour);
    EXPECT_FALSE(neighbour->mac);
    EXPECT_EQ(neighbour->state, NUD_INCOMPLETE);
}

TEST(NeighbourMessage, LeavesOutWhatIsNotForUs) {
    const char* rows[] = {
        "07 00 0000 05000000 0200 00 01 0a000200 020304050607 0000",  // a bridge's
        "02 00 0000 05000000 0200 00 01 0a000200 020304050607 0000",  // no address
        "02 00 0000 05000000 02",
    };
    for (const char* row : rows) {
        EXPECT_FALSE(parse_neighbour(header(message(std::string{kNewNeighbour} + row)))) << row;
    }
}

TEST(LinkMessage, ReadsNameAndState) {
    // lo, up; the name's last byte may be missing its zero
    const auto link = parse_link(header(
        message("00000000 1000 0000 01000000 00000000 00 00 0403 01000000 49000100 00000000 07000300 6c6f00 00")));
    ASSERT_TRUE(link);
    EXPECT_EQ(link->interface, 1);
    EXPECT_EQ(link->name, "lo");
    EXPECT_TRUE(link->up);
    EXPECT_FALSE(link->removed);
}

}  // namespace
}  // namespace homeward::netlink
