// protocol.md §3.1 row by row, the tunnel-data attacks of §5, and RFC 6040's matrix.
#include "lab.h"

namespace lab {
namespace {

const Stack kPayload = Udp{.src = 1000, .dst = 2000} / Raw{"up"};

Stack inner(std::uint8_t ttl = 64, std::uint8_t tos = 0) {
    return Ip{.src = kNode, .dst = kPeer, .ttl = ttl, .tos = tos} / kPayload;
}

/// Tunnel data with one thing about its headers changed.
Stack bent(const Ip& outer, const Udp& udp, const Tunnel& tunnel, const Stack& carried) {
    return Ether{.dst = kAccessMac, .src = kGatewayMac} / outer / udp / tunnel / carried;
}

constexpr Udp kUdp = {.src = kWlanPort, .dst = 434};
const Ip kOuter = {.src = kWlan, .dst = kHomeAgent};

Bytes padded(const Stack& stack) {
    Bytes bytes = stack.bytes();
    bytes.resize(bytes.size() + 7, 0xee);
    return bytes;
}

class Decap : public testing::TestWithParam<Row> {};
TEST_P(Decap, Row) {
    check(GetParam());
}

const Row kRows[] = {
    {.name = "to_correspondent",
     .in = uplink(inner()),
     .out = {sent(kHome, to_peer(inner(63)))},
     .events = {Event::uplink_packets, Event::uplink_bytes}},
    {.name = "by_the_other_uplink",
     .in = uplink(inner(), kCellular, kCellularPort),
     .out = {sent(kHome, to_peer(inner(63)))}},
    {.name = "out_by_default_route",
     .in = uplink(Ip{.src = kNode, .dst = kFar} / kPayload),
     .out = {sent(kAccess, to_gateway(Ip{.src = kNode, .dst = kFar, .ttl = 63} / kPayload))}},
    {.name = "zero_checksum_accepted",
     .in = bent(kOuter, {.src = kWlanPort, .dst = 434, .checksum = 0}, {}, inner()),
     .out = {sent(kHome, to_peer(inner(63)))}},
    {.name = "reserved_ignored",
     .in = bent(kOuter, kUdp, {.reserved = 0xffff}, inner()),
     .out = {sent(kHome, to_peer(inner(63)))}},
    {.name = "outer_options",
     .in = bent({.src = kWlan, .dst = kHomeAgent, .options = {1, 1, 1, 0}}, kUdp, {}, inner()),
     .out = {sent(kHome, to_peer(inner(63)))}},
    {.name = "ethernet_padding", .in = Raw{padded(uplink(inner()))}, .out = {sent(kHome, to_peer(inner(63)))}},
    {.name = "draining_uplink_is_valid",
     .in = uplink(inner()),
     .out = {sent(kHome, to_peer(inner(63)))},
     .setup =
         [](Lab& lab) {
             auto node = lab.node_record();
             node.uplinks[0].flags = 0;
             lab.put(node);
         }},
    // 1. length, checksum, type, next header
    {.name = "udp_too_short", .in = bent(kOuter, kUdp, {}, Raw::pattern(19)), .drops = {Drop::decap_udp_length}},
    {.name = "udp_length_beyond_packet",
     .in = bent(kOuter, {.src = kWlanPort, .dst = 434, .length = 200}, {}, inner()),
     .drops = {Drop::decap_udp_length}},
    {.name = "udp_length_lies_low",
     .in = bent(kOuter, {.src = kWlanPort, .dst = 434, .length = 40, .checksum = 0}, {}, inner()),
     .drops = {Drop::decap_inner_header}},
    {.name = "bad_udp_checksum",
     .in = bent(kOuter, {.src = kWlanPort, .dst = 434, .checksum = 0x1234}, {}, inner()),
     .drops = {Drop::decap_udp_checksum}},
    {.name = "registration_is_the_kernels",
     .in = bent(kOuter, kUdp, {.type = 1}, inner()),
     .out = {to_kernel(kAccess, KernelClass::registration, bent(kOuter, kUdp, {.type = 1}, inner()))}},
    {.name = "next_header_gre", .in = bent(kOuter, kUdp, {.next = 47}, inner()), .drops = {Drop::decap_next_header}},
    {.name = "next_header_minimal",
     .in = bent(kOuter, kUdp, {.next = 55}, inner()),
     .drops = {Drop::decap_next_header}},
    // 2. outer tuple
    {.name = "wrong_source_port", .in = uplink(inner(), kWlan, 435), .drops = {Drop::decap_wrong_tuple}},
    {.name = "wrong_care_of", .in = uplink(inner(), kFar), .drops = {Drop::decap_wrong_tuple}},
    {.name = "mixed_tuple", .in = uplink(inner(), kWlan, kCellularPort), .drops = {Drop::decap_wrong_tuple}},
    {.name = "another_nodes_tuple", .in = uplink(inner(), kWlan2, kWlan2Port), .drops = {Drop::decap_wrong_tuple}},
    {.name = "binding_gone",
     .in = uplink(inner()),
     .drops = {Drop::decap_unknown_home_address},
     .setup = [](Lab& lab) { lab.tables().remove_binding(wire::Ipv4Address{kNode.value}); }},
    // 3. inner header
    {.name = "inner_source_not_a_home_address",
     .in = uplink(Ip{.src = kFar, .dst = kPeer} / kPayload),
     .drops = {Drop::decap_unknown_home_address}},
    {.name = "inner_source_unbound",
     .in = uplink(Ip{.src = "158.132.10.99", .dst = kPeer} / kPayload),
     .drops = {Drop::decap_unknown_home_address}},
    {.name = "inner_source_is_ours",
     .in = uplink(Ip{.src = kHomeOwn, .dst = kPeer} / kPayload),
     .drops = {Drop::decap_unknown_home_address}},
    {.name = "inner_version_6",
     .in = uplink(Ip{.src = kNode, .dst = kPeer, .version = 6} / kPayload),
     .drops = {Drop::decap_inner_header}},
    {.name = "inner_truncated",
     .in = uplink(Ip{.src = kNode, .dst = kPeer, .length = 100} / kPayload),
     .drops = {Drop::decap_inner_header}},
    {.name = "inner_shorter_than_header",
     .in = uplink(Ip{.src = kNode, .dst = kPeer, .length = 12} / kPayload),
     .drops = {Drop::decap_inner_header}},
    {.name = "inner_checksum",
     .in = uplink(Ip{.src = kNode, .dst = kPeer, .checksum = 7} / kPayload),
     .drops = {Drop::decap_inner_checksum}},
    // 4. TTL
    {.name = "ttl_zero", .in = uplink(inner(0)), .drops = {Drop::decap_ttl_zero}},
    {.name = "ttl_two", .in = uplink(inner(2)), .out = {sent(kHome, to_peer(inner(1)))}},
    {.name = "ttl_one_answered_through_the_tunnel",
     .in = uplink(inner(1)),
     .out = {sent(kAccess,
                  downlink(Ip{.src = kHomeAgent, .dst = kNode, .tos = 0xc0, .id = 0} / Icmp{.type = 11} / inner(1),
                           kWlan, kWlanPort, 0xc0))},
     .drops = {Drop::forward_ttl},
     .events = {Event::icmp_sent}},
    // 6. what is inside
    {.name = "registration_inside",
     .in = uplink(Ip{.src = kNode, .dst = kHomeAgent} / Udp{.src = 434, .dst = 434} / Raw{"x"}),
     .drops = {Drop::decap_registration_inside}},
    {.name = "registration_inside_to_other_own_address",
     .in = uplink(Ip{.src = kNode, .dst = kHomeOwn} / Udp{.src = 434, .dst = 434} / Raw{"x"}),
     .drops = {Drop::decap_registration_inside}},
    {.name = "registration_to_another_agent_passes",
     .in = uplink(Ip{.src = kNode, .dst = kFar} / Udp{.src = 434, .dst = 434} / Raw{"x"}),
     .out = {sent(kAccess,
                  to_gateway(Ip{.src = kNode, .dst = kFar, .ttl = 63} / Udp{.src = 434, .dst = 434} / Raw{"x"}))}},
    {.name = "nested_4in4", .in = uplink(Ip{.src = kNode, .dst = kPeer} / inner()), .drops = {Drop::decap_nested}},
    {.name = "to_limited_broadcast",
     .in = uplink(Ip{.src = kNode, .dst = "255.255.255.255"} / kPayload),
     .drops = {Drop::decap_bad_destination}},
    {.name = "to_multicast",
     .in = uplink(Ip{.src = kNode, .dst = "224.0.0.5"} / kPayload),
     .drops = {Drop::decap_bad_destination}},
    {.name = "to_loopback",
     .in = uplink(Ip{.src = kNode, .dst = "127.0.0.1"} / kPayload),
     .drops = {Drop::decap_bad_destination}},
    {.name = "to_net_0",
     .in = uplink(Ip{.src = kNode, .dst = "0.0.0.0"} / kPayload),
     .drops = {Drop::decap_bad_destination}},
    {.name = "to_itself",
     .in = uplink(Ip{.src = kNode, .dst = kNode} / kPayload),
     .drops = {Drop::decap_bad_destination}},
    {.name = "to_directed_broadcast",
     .in = uplink(Ip{.src = kNode, .dst = "158.132.10.255"} / kPayload),
     .drops = {Drop::decap_bad_destination}},
    {.name = "to_our_service",
     .in = uplink(Ip{.src = kNode, .dst = kHomeAgent} / Tcp{.src = 5, .dst = 22}),
     .out = {to_kernel(kHome, KernelClass::other,
                       injected(kHome, Ip{.src = kNode, .dst = kHomeAgent} / Tcp{.src = 5, .dst = 22}))}},
    {.name = "to_our_service_routed_home_network",
     .in = uplink(Ip{.src = kNode, .dst = kHomeOwn} / Tcp{.src = 5, .dst = 22}),
     .out = {to_kernel(kHome, KernelClass::other,
                       injected(kHome, Ip{.src = kNode, .dst = kHomeOwn} / Tcp{.src = 5, .dst = 22}))},
     .setup =
         [](Lab& lab) {
             (void)lab.tables().put_home_network(*wire::Ipv4Prefix::parse("158.132.10.0/24"), tables::kNoPort);
         }},
    // keepalive
    {.name = "echo",
     .in =
         uplink(Ip{.src = kNode, .dst = kHomeAgent, .id = 7} / Icmp{.type = 8, .rest = 0x00070001} / Raw{"keepalive"}),
     .out = {sent(kAccess, downlink(Ip{.src = kHomeAgent, .dst = kNode, .id = 7} / Icmp{.type = 0, .rest = 0x00070001} /
                                    Raw{"keepalive"}))},
     .events = {Event::echo_replies}},
    {.name = "echo_stays_in_its_tunnel",
     .in = uplink(Ip{.src = kNode, .dst = kHomeAgent} / Icmp{.type = 8} / Raw{"k"}, kCellular, kCellularPort),
     .out = {sent(kAccess, downlink(Ip{.src = kHomeAgent, .dst = kNode} / Icmp{.type = 0} / Raw{"k"}, kCellular,
                                    kCellularPort))}},
    {.name = "echo_on_an_uplink_that_is_down",
     .in = uplink(Ip{.src = kNode, .dst = kHomeAgent} / Icmp{.type = 8} / Raw{"k"}),
     .out = {sent(kAccess, downlink(Ip{.src = kHomeAgent, .dst = kNode} / Icmp{.type = 0} / Raw{"k"}))},
     .setup =
         [](Lab& lab) {
             auto node = lab.node_record();
             node.uplinks[0].flags = 0;
             lab.put(node);
         }},
    {.name = "echo_checksum",
     .in = uplink(Ip{.src = kNode, .dst = kHomeAgent} / Icmp{.type = 8, .checksum = 5} / Raw{"k"}),
     .drops = {Drop::echo_checksum}},
    {.name = "unknown_port", .port = 5, .in = uplink(inner()), .drops = {Drop::classify_no_port}},
};

INSTANTIATE_TEST_SUITE_P(Rows, Decap, testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

/// RFC 6040 §4.2: [inner][outer] in the order Not-ECT, ECT(0), ECT(1), CE of protocol.md's table; −1 is a drop.
TEST(Ecn, WholeMatrix) {
    constexpr std::uint8_t kOrder[4] = {0, 2, 1, 3};
    constexpr int kResult[4][4] = {{0, 0, 0, -1}, {2, 2, 1, 3}, {1, 1, 1, 3}, {3, 3, 3, 3}};
    for (unsigned i = 0; i < 4; ++i) {
        for (unsigned o = 0; o < 4; ++o) {
            SCOPED_TRACE(testing::Message() << "inner " << int{kOrder[i]} << " outer " << int{kOrder[o]});
            const auto tos = [](int ecn) { return static_cast<std::uint8_t>(0xb8 | ecn); };  // the DSCP stays
            Row row{.name = "ecn", .in = uplink(inner(64, tos(kOrder[i])), kWlan, kWlanPort, kOrder[o])};
            if (kResult[i][o] < 0) {
                row.drops = {Drop::decap_ecn};
            } else {
                row.out = {sent(kHome, to_peer(inner(63, tos(kResult[i][o]))))};
            }
            check(row);
        }
    }
}

TEST(Decap, EchoFloodOfOneNodeIsLimited) {
    Lab lab;
    const Bytes echo = uplink(Ip{.src = kNode, .dst = kHomeAgent} / Icmp{.type = 8} / Raw{"k"}).bytes();
    for (unsigned i = 0; i < 1100; ++i) {
        lab.run(kAccess, Origin::wire, echo);
    }
    EXPECT_EQ(lab.count(Drop::echo_rate), 100U);
    lab.advance_ms(1000);
    lab.run(kAccess, Origin::wire, echo);
    EXPECT_EQ(lab.count(Drop::echo_rate), 100U);
    EXPECT_EQ(lab.count(Event::echo_replies), 1001U);
}

TEST(Decap, DataNeverMovesAnEndpoint) {
    Lab lab;
    lab.run(kAccess, Origin::wire, uplink(inner(), kWlan, 9999).bytes());
    EXPECT_TRUE(lab.emitted.empty());
    lab.run(kHome, Origin::wire, on_home_link(Ip{.src = kFar, .dst = kNode} / kPayload).bytes());
    ASSERT_EQ(lab.emitted.size(), 1U);
    EXPECT_EQ(harness::to_hex(normalised(lab.emitted[0].frame)),
              harness::to_hex(downlink(Ip{.src = kFar, .dst = kNode, .ttl = 63} / kPayload).bytes()));
}

}  // namespace
}  // namespace lab
