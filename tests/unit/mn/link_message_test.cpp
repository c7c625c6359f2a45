/// Messages of rtnetlink as kernels send them, and what they leave of an uplink.
#include "uplinks/link_message.h"

#include <gtest/gtest.h>
#include <linux/if.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/wireless.h>
#include <sys/socket.h>

#include "netlink/message.h"

namespace homeward::uplinks {
namespace {

using netlink::Message;

constexpr int kIndex = 3;
constexpr std::uint8_t kOwnProtocol = 201;
constexpr unsigned kRunning = IFF_UP | IFF_RUNNING | IFF_BROADCAST;

ifinfomsg& interface_of(Message& message, unsigned char family = AF_UNSPEC, unsigned flags = kRunning) {
    auto& info = message.extra<ifinfomsg>();
    info.ifi_family = family;
    info.ifi_index = kIndex;
    info.ifi_flags = flags;
    message.put(IFLA_IFNAME, std::string{"wlan0"});
    return info;
}

wire::Ipv4Address ip(const char* text) {
    return *wire::Ipv4Address::parse(text);
}

/// wlan0 with 10.0.0.2 and a default route by 10.0.0.1, after the kernel told of it.
class LinkMessage : public testing::Test {
  protected:
    LinkMessage() {
        Message link(RTM_NEWLINK, 0);
        interface_of(link);
        link.put(IFLA_MTU, std::uint32_t{1500});
        tell(link);
        Message address(RTM_NEWADDR, 0);
        auto& carried = address.extra<ifaddrmsg>();
        carried.ifa_family = AF_INET;
        carried.ifa_prefixlen = 24;
        carried.ifa_index = kIndex;
        address.put(IFA_LOCAL, ip("10.0.0.2"));
        tell(address);
        Message route(RTM_NEWROUTE, 0);
        default_route(route, RTPROT_DHCP, "10.0.0.1", 600);
        tell(route);
    }

    void tell(Message& message) { apply(*message.header(), kOwnProtocol, model_); }

    static void default_route(Message& message, unsigned char protocol, const char* gateway, std::uint32_t metric) {
        auto& route = message.extra<rtmsg>();
        route.rtm_family = AF_INET;
        route.rtm_type = RTN_UNICAST;
        route.rtm_protocol = protocol;
        message.put(RTA_OIF, std::uint32_t{kIndex});
        message.put(RTA_PRIORITY, metric);
        message.put(RTA_GATEWAY, ip(gateway));
    }

    Attachment wlan0() const { return model_.attachment("wlan0"); }

    LinkModel model_;
};

TEST_F(LinkMessage, TellsAllThatAnUplinkNeeds) {
    const Attachment got = wlan0();
    EXPECT_EQ(got.index, kIndex);
    EXPECT_TRUE(got.usable());
    EXPECT_FALSE(got.point_to_point);
    EXPECT_EQ(got.mtu, 1500U);
    EXPECT_EQ(got.address, (InterfaceAddress{ip("10.0.0.2"), 24}));
    EXPECT_EQ(got.gateway, ip("10.0.0.1"));
}

/// What a WiFi card's scan ends with where the kernel has "wireless extensions", as Debian's has (wireless_nlevent).
TEST_F(LinkMessage, AScansEndLeavesTheMtuAsItIs) {
    const Attachment before = wlan0();
    Message scanned(RTM_NEWLINK, 0);
    interface_of(scanned);
    const iw_event event{IW_EV_POINT_LEN, SIOCGIWSCAN, {}};
    scanned.put_bytes(IFLA_WIRELESS, &event, IW_EV_POINT_LEN);
    tell(scanned);
    EXPECT_EQ(wlan0(), before);
}

/// Tethering: the interface becomes a port of a bridge and leaves it.
TEST_F(LinkMessage, ABridgeThatLosesAPortDoesNotTakeTheInterface) {
    const Attachment before = wlan0();
    for (const std::uint16_t type : {std::uint16_t{RTM_NEWLINK}, std::uint16_t{RTM_DELLINK}}) {
        Message port(type, 0);
        interface_of(port, AF_BRIDGE);
        port.put(IFLA_MTU, std::uint32_t{1500});
        port.put(IFLA_MASTER, std::uint32_t{9});
        tell(port);
        EXPECT_EQ(wlan0(), before) << type;
    }
}

TEST_F(LinkMessage, ItsOwnRemovalTakesEverything) {
    Message gone(RTM_DELLINK, 0);
    interface_of(gone);
    tell(gone);
    EXPECT_EQ(wlan0(), Attachment{});
}

struct FlagsRow {
    const char* name;
    unsigned flags;
    bool running, point_to_point;
};

class LinkMessageFlags : public LinkMessage, public testing::WithParamInterface<FlagsRow> {};

TEST_P(LinkMessageFlags, SayWhetherItRuns) {
    Message link(RTM_NEWLINK, 0);
    interface_of(link, AF_UNSPEC, GetParam().flags);
    tell(link);
    EXPECT_EQ(wlan0().running, GetParam().running);
    EXPECT_EQ(wlan0().point_to_point, GetParam().point_to_point);
}

INSTANTIATE_TEST_SUITE_P(Rows, LinkMessageFlags,
                         testing::Values(FlagsRow{"Down", 0, false, false},
                                         FlagsRow{"UpWithoutCarrier", IFF_UP, false, false},
                                         FlagsRow{"CarrierButDown", IFF_RUNNING, false, false},
                                         FlagsRow{"Modem", kRunning | IFF_POINTOPOINT, true, true},
                                         FlagsRow{"ModemWithoutNeighbours", kRunning | IFF_NOARP, true, true}),
                         [](const auto& row) { return row.param.name; });

TEST_F(LinkMessage, TheAgentsOwnRoutesAreNoGateways) {
    Message route(RTM_NEWROUTE, 0);
    default_route(route, kOwnProtocol, "10.0.0.99", 1);
    tell(route);
    EXPECT_EQ(wlan0().gateway, ip("10.0.0.1"));
}

TEST_F(LinkMessage, WhatIsCutShortOrUnknownChangesNothing) {
    const Attachment before = wlan0();
    for (const std::uint16_t type :
         {std::uint16_t{RTM_DELLINK}, std::uint16_t{RTM_DELADDR}, std::uint16_t{RTM_DELROUTE}}) {
        Message headless(type, 0);
        headless.extra<std::uint8_t>() = AF_UNSPEC;
        tell(headless);
        EXPECT_EQ(wlan0(), before) << type;
    }
    Message rule(RTM_DELRULE, 0);
    interface_of(rule);
    tell(rule);
    EXPECT_EQ(wlan0(), before);
}

}  // namespace
}  // namespace homeward::uplinks
