// Tunnels without UDP (RFC 2003), for a node whose WLAN uplink was registered so: port 0.
#include "lab.h"

namespace lab {
namespace {

const Stack kPayload = Udp{.src = 1000, .dst = 2000} / Raw{"data"};

Stack up(std::uint8_t ttl = 64, std::uint8_t tos = 0) {
    return Ip{.src = kNode, .dst = kPeer, .ttl = ttl, .tos = tos} / kPayload;
}

Stack down(Address from = kFar, std::uint8_t ttl = 64, std::uint8_t tos = 0) {
    return Ip{.src = from, .dst = kNode, .ttl = ttl, .tos = tos} / kPayload;
}

/// Node → home agent.
Stack plain_uplink(const Stack& inner, Address care_of = kWlan, std::uint8_t tos = 0) {
    return Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = care_of, .dst = kHomeAgent, .tos = tos} / inner;
}

/// Home agent → node.
Stack plain_downlink(const Stack& inner, std::uint8_t tos = 0) {
    return Ether{.dst = kGatewayMac, .src = kAccessMac} /
           Ip{.src = kHomeAgent, .dst = kWlan, .tos = tos, .id = 0, .df = true} / inner;
}

const Stack kShort = Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = kWlan, .dst = kHomeAgent, .protocol = 4} /
                     Raw::pattern(19);

void without_udp(Lab& lab) {
    auto node = lab.node_record();
    node.uplinks[0].port = 0;
    lab.put(node);
}

class Plain : public testing::TestWithParam<Row> {};
TEST_P(Plain, Row) {
    check(GetParam());
}

const Row kRows[] = {
    {.name = "up",
     .in = plain_uplink(up()),
     .out = {sent(kHome, to_peer(up(63)))},
     .setup = without_udp,
     .events = {Event::uplink_packets, Event::uplink_bytes}},
    {.name = "down",
     .port = kHome,
     .in = on_home_link(down()),
     .out = {sent(kAccess, plain_downlink(down(kFar, 63)))},
     .setup = without_udp,
     .events = {Event::downlink_packets, Event::downlink_bytes}},
    {.name = "the_other_uplink_keeps_its_udp",
     .port = kHome,
     .in = on_home_link(down(kPeer)),
     .out = {sent(kAccess, downlink(down(kPeer, 63), kCellular, kCellularPort))},
     .setup = without_udp},
    {.name = "congestion_outside_is_carried_inside",
     .in = plain_uplink(up(64, 2), kWlan, 3),
     .out = {sent(kHome, to_peer(up(63, 3)))},
     .setup = without_udp},
    {.name = "dscp_outside_as_inside",
     .port = kHome,
     .in = on_home_link(down(kFar, 64, 0xb8)),
     .out = {sent(kAccess, plain_downlink(down(kFar, 63, 0xb8), 0xb8))},
     .setup = without_udp},
    {.name = "echo",
     .in = plain_uplink(Ip{.src = kNode, .dst = kHomeAgent} / Icmp{.type = 8} / Raw{"k"}),
     .out = {sent(kAccess, plain_downlink(Ip{.src = kHomeAgent, .dst = kNode} / Icmp{.type = 0} / Raw{"k"}))},
     .setup = without_udp,
     .events = {Event::echo_replies}},
    {.name = "wrong_care_of", .in = plain_uplink(up(), kFar), .drops = {Drop::decap_wrong_tuple}, .setup = without_udp},
    {.name = "an_uplink_with_udp_takes_none_without",
     .in = plain_uplink(up(), kCellular),
     .drops = {Drop::decap_wrong_tuple},
     .setup = without_udp},
    {.name = "an_uplink_without_udp_takes_none_with_it",
     .in = uplink(up()),
     .drops = {Drop::decap_wrong_tuple},
     .setup = without_udp},
    {.name = "nobody_agreed_to_it", .in = plain_uplink(up()), .drops = {Drop::decap_wrong_tuple}},
    {.name = "nested",
     .in = plain_uplink(Ip{.src = kNode, .dst = kPeer} / up()),
     .drops = {Drop::decap_nested},
     .setup = without_udp},
    {.name = "inner_truncated",
     .in = plain_uplink(Ip{.src = kNode, .dst = kPeer, .length = 100} / kPayload),
     .drops = {Drop::decap_inner_header},
     .setup = without_udp},
    {.name = "inner_checksum",
     .in = plain_uplink(Ip{.src = kNode, .dst = kPeer, .checksum = 7} / kPayload),
     .drops = {Drop::decap_inner_checksum},
     .setup = without_udp},
    {.name = "somebody_elses_tunnel_is_the_kernels",
     .in = plain_uplink(Ip{.src = kFar, .dst = kPeer} / kPayload),
     .out = {to_kernel(kAccess, KernelClass::other, plain_uplink(Ip{.src = kFar, .dst = kPeer} / kPayload))},
     .setup = without_udp},
    {.name = "too_short_for_a_header_is_the_kernels",
     .in = kShort,
     .out = {to_kernel(kAccess, KernelClass::other, kShort)},
     .setup = without_udp},
};

INSTANTIATE_TEST_SUITE_P(Rows, Plain, testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(Plain, PathMtuFromTheNetwork) {
    for (const bool long_quote : {true, false}) {
        const Stack head = Ip{.src = "198.51.100.1", .dst = kHomeAgent} / Icmp{.type = 3, .code = 4, .rest = 1400} /
                           Ip{.src = kHomeAgent, .dst = kWlan, .protocol = 4, .length = 1480};
        Lab lab;
        without_udp(lab);
        lab.run(kAccess, Origin::wire,
                (Ether{.dst = kAccessMac, .src = kGatewayMac} / (long_quote ? head / down() : head / Raw::pattern(8)))
                    .bytes());
        ASSERT_EQ(lab.requests.size(), 1U);
        EXPECT_EQ(lab.requests[0].kind, pipeline::Request::Kind::path_mtu);
        EXPECT_EQ(lab.requests[0].address, kWlan.value);
        EXPECT_EQ(lab.requests[0].port, 0);
        EXPECT_EQ(lab.requests[0].mtu, 1368);
        EXPECT_TRUE(lab.drops().empty());
    }
}

/// A policy's copy needs a number, which there is no place for.
TEST(Plain, HasNoNumber) {
    Lab lab;
    auto node = lab.node_record();
    node.uplinks[0].port = 0;
    node.flags |= ipc::kNumbered | ipc::kNumberEverything;
    lab.put(node);
    lab.run(kHome, Origin::wire, on_home_link(down()).bytes());
    ASSERT_EQ(lab.emitted.size(), 1U);
    EXPECT_EQ(harness::to_hex(normalised(lab.emitted[0].frame)),
              harness::to_hex(normalised(plain_downlink(down(kFar, 63)).bytes())));
}

}  // namespace
}  // namespace lab
