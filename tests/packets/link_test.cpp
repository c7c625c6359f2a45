// Frames, proxy ARP (RFC 5944 §4.6), routing, neighbours, ICMP about tunnels.
#include "pipeline/gratuitous_arp.h"

#include "lab.h"

namespace lab {
namespace {

const Stack kPayload = Udp{.src = 1, .dst = 2} / Raw{"data"};

Stack request(Address sender, Address target, const Mac& dst = harness::kBroadcastMac) {
    return Ether{.dst = dst, .src = kPeerMac} /
           Arp{.sender_mac = kPeerMac, .sender = sender, .target_mac = {}, .target = target};
}

Stack reply(Address target, Address asker) {
    return Ether{.dst = kPeerMac, .src = kHomeMac} /
           Arp{.op = 2, .sender_mac = kHomeMac, .sender = target, .target_mac = kPeerMac, .target = asker};
}

Stack access(const Stack& inner) {
    return Ether{.dst = kAccessMac, .src = kGatewayMac} / inner;
}

Stack transit(Address from, Address to, std::uint8_t ttl = 64) {
    return Ip{.src = from, .dst = to, .ttl = ttl} / kPayload;
}

const Stack kOspf = Ether{.dst = {1, 0, 0x5e, 0, 0, 5}, .src = kPeerMac} /
                    Ip{.src = kPeer, .dst = "224.0.0.5", .ttl = 1, .protocol = 89} / Raw{"hello"};
const Stack kIpv6 = Ether{.dst = {0x33, 0x33, 0, 0, 0, 1}, .src = kPeerMac, .type = 0x86dd} / Raw::pattern(60);
const Stack kVlan = Ether{.dst = kHomeMac, .src = kPeerMac, .type = 0x8100} / Raw::pattern(60);
const Stack kGratuitous = request(kNode, kNode);
const Stack kRuntArp = Ether{.dst = harness::kBroadcastMac, .src = kPeerMac, .type = 0x0806} / Raw{"short"};

class Link : public testing::TestWithParam<Row> {};
TEST_P(Link, Row) {
    check(GetParam());
}

const Row kRows[] = {
    // ARP
    {.name = "proxy",
     .port = kHome,
     .in = request(kPeer, kNode),
     .out = {sent(kHome, reply(kNode, kPeer))},
     .events = {Event::arp_replies}},
    {.name = "proxy_unicast_request",
     .port = kHome,
     .in = request(kPeer, kNode, kHomeMac),
     .out = {sent(kHome, reply(kNode, kPeer))}},
    {.name = "proxy_answers_a_probe",
     .port = kHome,
     .in = request("0.0.0.0", kNode),
     .out = {sent(kHome, reply(kNode, "0.0.0.0"))}},
    {.name = "announcement_is_not_answered",
     .port = kHome,
     .in = kGratuitous,
     .out = {to_kernel(kHome, KernelClass::arp, kGratuitous)}},
    {.name = "not_on_another_link",
     .port = kAccess,
     .in = request(kGateway, kNode),
     .out = {to_kernel(kAccess, KernelClass::arp, request(kGateway, kNode))}},
    {.name = "unbound_is_the_kernels",
     .port = kHome,
     .in = request(kPeer, "158.132.10.99"),
     .out = {to_kernel(kHome, KernelClass::arp, request(kPeer, "158.132.10.99"))}},
    {.name = "own_address_is_the_kernels",
     .port = kHome,
     .in = request(kPeer, kHomeOwn),
     .out = {to_kernel(kHome, KernelClass::arp, request(kPeer, kHomeOwn))}},
    {.name = "stops_with_the_binding",
     .port = kHome,
     .in = request(kPeer, kNode),
     .out = {to_kernel(kHome, KernelClass::arp, request(kPeer, kNode))},
     .setup = [](Lab& lab) { lab.tables().remove_binding(wire::Ipv4Address{kNode.value}); }},
    {.name = "routed_home_network_has_no_link",
     .port = kHome,
     .in = request(kPeer, kNode),
     .out = {to_kernel(kHome, KernelClass::arp, request(kPeer, kNode))},
     .setup =
         [](Lab& lab) {
             (void)lab.tables().put_home_network(*wire::Ipv4Prefix::parse("158.132.10.0/24"), tables::kNoPort);
         }},
    {.name = "kernel_asks_for_a_node",
     .port = kHome,
     .in = Ether{.dst = harness::kBroadcastMac, .src = kHomeMac} /
           Arp{.sender_mac = kHomeMac, .sender = kHomeOwn, .target = kNode},
     .out = {to_kernel(
         kHome, KernelClass::arp,
         Ether{.dst = kHomeMac, .src = kHomeMac} /
             Arp{.op = 2, .sender_mac = kHomeMac, .sender = kNode, .target_mac = kHomeMac, .target = kHomeOwn})},
     .origin = Origin::kernel},
    {.name = "kernel_asks_for_others",
     .port = kHome,
     .in = Ether{.dst = harness::kBroadcastMac, .src = kHomeMac} /
           Arp{.sender_mac = kHomeMac, .sender = kHomeOwn, .target = kPeer},
     .out = {sent(kHome, Ether{.dst = harness::kBroadcastMac, .src = kHomeMac} /
                             Arp{.sender_mac = kHomeMac, .sender = kHomeOwn, .target = kPeer})},
     .origin = Origin::kernel},
    {.name = "arp_too_short", .port = kHome, .in = kRuntArp, .out = {to_kernel(kHome, KernelClass::arp, kRuntArp)}},
    // classification
    {.name = "foreign_mac",
     .port = kHome,
     .in = Ether{.dst = kPeerMac, .src = kPeerMac} / transit(kPeer, kFar),
     .drops = {Drop::classify_foreign_mac}},
    {.name = "runt", .port = kHome, .in = Raw{"tiny"}, .drops = {Drop::classify_short_frame}},
    {.name = "ip_cut_off",
     .port = kHome,
     .in = Ether{.dst = kHomeMac, .src = kPeerMac, .type = 0x0800} / Raw{"0123456789"},
     .drops = {Drop::classify_short_frame}},
    {.name = "ip_version",
     .port = kHome,
     .in = on_home_link(Ip{.src = kPeer, .dst = kFar, .version = 5} / kPayload),
     .drops = {Drop::classify_bad_header}},
    {.name = "ip_longer_than_frame",
     .port = kHome,
     .in = on_home_link(Ip{.src = kPeer, .dst = kFar, .length = 900} / kPayload),
     .drops = {Drop::classify_bad_header}},
    {.name = "ip_checksum",
     .port = kHome,
     .in = on_home_link(Ip{.src = kPeer, .dst = kFar, .checksum = 1} / kPayload),
     .drops = {Drop::classify_bad_checksum}},
    {.name = "ospf", .port = kHome, .in = kOspf, .out = {to_kernel(kHome, KernelClass::other, kOspf)}},
    {.name = "ipv6", .port = kHome, .in = kIpv6, .out = {to_kernel(kHome, KernelClass::other, kIpv6)}},
    {.name = "vlan_tag", .port = kHome, .in = kVlan, .out = {to_kernel(kHome, KernelClass::other, kVlan)}},
    {.name = "to_us",
     .port = kHome,
     .in = on_home_link(Ip{.src = kPeer, .dst = kHomeOwn, .ttl = 1} / Tcp{.dst = 22}),
     .out = {to_kernel(kHome, KernelClass::other,
                       on_home_link(Ip{.src = kPeer, .dst = kHomeOwn, .ttl = 1} / Tcp{.dst = 22}))}},
    {.name = "registration",
     .port = kAccess,
     .in = access(Ip{.src = kFar, .dst = kHomeAgent} / Udp{.src = 9, .dst = 434} / Raw{"\x01request"}),
     .out = {to_kernel(kAccess, KernelClass::registration,
                       access(Ip{.src = kFar, .dst = kHomeAgent} / Udp{.src = 9, .dst = 434} / Raw{"\x01request"}))}},
    {.name = "fragment_to_us",
     .port = kAccess,
     .in = access(Ip{.src = kFar, .dst = kHomeAgent, .offset = 64, .protocol = 6} / Raw{"rest"}),
     .out = {to_kernel(kAccess, KernelClass::other,
                       access(Ip{.src = kFar, .dst = kHomeAgent, .offset = 64, .protocol = 6} / Raw{"rest"}))}},
    {.name = "link_broadcast_to_the_subnet",
     .port = kHome,
     .in = Ether{.dst = harness::kBroadcastMac, .src = kPeerMac} / transit(kPeer, "158.132.10.255"),
     .out = {to_kernel(kHome, KernelClass::other,
                       Ether{.dst = harness::kBroadcastMac, .src = kPeerMac} / transit(kPeer, "158.132.10.255"))}},
    {.name = "directed_broadcast_from_afar",
     .port = kAccess,
     .in = access(transit(kFar, "158.132.10.255")),
     .drops = {Drop::forward_broadcast}},
    {.name = "link_broadcast_is_not_forwarded",
     .port = kHome,
     .in = Ether{.dst = harness::kBroadcastMac, .src = kPeerMac} / transit(kPeer, kFar),
     .drops = {Drop::forward_broadcast}},
    // routing
    {.name = "transit",
     .port = kHome,
     .in = on_home_link(transit(kPeer, kFar)),
     .out = {sent(kAccess, to_gateway(transit(kPeer, kFar, 63)))},
     .events = {Event::transit_packets}},
    {.name = "transit_padding_removed",
     .port = kHome,
     .in = on_home_link(transit(kPeer, kFar)) / Raw{},
     .out = {sent(kAccess, to_gateway(transit(kPeer, kFar, 63)))}},
    {.name = "to_unbound_home_address_natively",
     .port = kAccess,
     .in = access(transit(kFar, kPeer)),
     .out = {sent(kHome, to_peer(transit(kFar, kPeer, 63)))}},
    {.name = "on_a_stick",
     .port = kAccess,
     .in = access(transit("10.9.9.9", kFar)),
     .out = {sent(kAccess, to_gateway(transit("10.9.9.9", kFar, 63)))}},
    {.name = "node_on_a_stick",
     .port = kAccess,
     .in = access(transit(kFar, kNode)),
     .out = {sent(kAccess, downlink(transit(kFar, kNode, 63)))}},
    {.name = "ttl_expired",
     .port = kHome,
     .in = on_home_link(transit(kPeer, kFar, 1)),
     .out = {sent(kHome, to_peer(Ip{.src = kHomeAgent, .dst = kPeer, .tos = 0xc0, .id = 0} / Icmp{.type = 11} /
                                 transit(kPeer, kFar, 1)))},
     .drops = {Drop::forward_ttl}},
    {.name = "no_route",
     .port = kHome,
     .in = on_home_link(transit(kPeer, kFar)),
     .out = {sent(kHome, to_peer(Ip{.src = kHomeAgent, .dst = kPeer, .tos = 0xc0, .id = 0} /
                                 Icmp{.type = 3, .code = 0} / transit(kPeer, kFar, 63)))},
     .drops = {Drop::forward_no_route},
     .setup = [](Lab& lab) { lab.tables().routes().remove(*wire::Ipv4Prefix::parse("0.0.0.0/0")); }},
    {.name = "blackhole",
     .port = kHome,
     .in = on_home_link(transit(kPeer, kFar)),
     .drops = {Drop::forward_blackhole},
     .setup = [](Lab& lab) { lab.route("203.0.113.0/24", {tables::RouteKind::blackhole}); }},
    {.name = "unreachable",
     .port = kHome,
     .in = on_home_link(transit(kPeer, kFar)),
     .out = {sent(kHome, to_peer(Ip{.src = kHomeAgent, .dst = kPeer, .tos = 0xc0, .id = 0} /
                                 Icmp{.type = 3, .code = 1} / transit(kPeer, kFar, 63)))},
     .drops = {Drop::forward_unreachable},
     .setup = [](Lab& lab) { lab.route("203.0.113.0/24", {tables::RouteKind::unreachable}); }},
    {.name = "prohibit",
     .port = kHome,
     .in = on_home_link(transit(kPeer, kFar)),
     .out = {sent(kHome, to_peer(Ip{.src = kHomeAgent, .dst = kPeer, .tos = 0xc0, .id = 0} /
                                 Icmp{.type = 3, .code = 13} / transit(kPeer, kFar, 63)))},
     .drops = {Drop::forward_unreachable},
     .setup = [](Lab& lab) { lab.route("203.0.113.0/24", {tables::RouteKind::prohibit}); }},
    {.name = "bad_source",
     .port = kHome,
     .in = on_home_link(transit("0.1.2.3", kFar)),
     .drops = {Drop::forward_bad_source}},
    {.name = "port_down",
     .port = kHome,
     .in = on_home_link(transit(kPeer, kFar)),
     .drops = {Drop::forward_port_down},
     .setup =
         [](Lab& lab) {
             auto port = lab.port(kAccess);
             port.up = false;
             lab.tables().set_port(kAccess, port);
         }},
    {.name = "transit_df_too_big",
     .port = kHome,
     .in = on_home_link(Ip{.src = kPeer, .dst = kFar, .df = true} / Raw::pattern(600)),
     .out = {sent(
         kHome,
         to_peer(Ip{.src = kHomeAgent, .dst = kPeer, .tos = 0xc0, .id = 0} / Icmp{.type = 3, .code = 4, .rest = 600} /
                 Ip{.src = kPeer, .dst = kFar, .ttl = 63, .df = true, .length = 620} / Raw::pattern(528)))},
     .drops = {Drop::forward_too_big},
     .setup = [](Lab& lab) { lab.set_mtu(kAccess, 600); }},
    // ICMP about tunnels
    {.name = "icmp_wrong_tuple",
     .in = access(Ip{.src = "198.51.100.1", .dst = kHomeAgent} / Icmp{.type = 3, .code = 4, .rest = 1300} /
                  Ip{.src = kHomeAgent, .dst = kFar} / Udp{.src = 434, .dst = 434} / Tunnel{} / transit(kFar, kNode)),
     .drops = {Drop::icmp_quote_unmatched}},
    {.name = "icmp_port_unreachable_is_not_relayed",
     .in = access(Ip{.src = kWlan, .dst = kHomeAgent} / Icmp{.type = 3, .code = 3} /
                  Ip{.src = kHomeAgent, .dst = kWlan} / Udp{.src = 434, .dst = 434} / Tunnel{} / transit(kFar, kNode)),
     .drops = {Drop::icmp_tunnel_error}},
    {.name = "icmp_time_exceeded_in_tunnel",
     .in = access(Ip{.src = kFar, .dst = kHomeAgent} / Icmp{.type = 11} / Ip{.src = kHomeAgent, .dst = kWlan} /
                  Udp{.src = 434, .dst = 434} / Tunnel{} / transit(kFar, kNode)),
     .drops = {Drop::icmp_tunnel_error}},
    {.name = "icmp_about_our_own_tcp_is_the_kernels",
     .in = access(Ip{.src = kFar, .dst = kHomeAgent} / Icmp{.type = 3, .code = 4, .rest = 1300} /
                  Ip{.src = kHomeAgent, .dst = kFar} / Tcp{.src = 22, .dst = 1}),
     .out = {to_kernel(kAccess, KernelClass::other,
                       access(Ip{.src = kFar, .dst = kHomeAgent} / Icmp{.type = 3, .code = 4, .rest = 1300} /
                              Ip{.src = kHomeAgent, .dst = kFar} / Tcp{.src = 22, .dst = 1}))}},
};

INSTANTIATE_TEST_SUITE_P(Rows, Link, testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(Link, PathMtuFromTheNetwork) {
    const auto error = [](std::uint16_t mtu, bool long_quote) {
        const Stack head = Ip{.src = "198.51.100.1", .dst = kHomeAgent} / Icmp{.type = 3, .code = 4, .rest = mtu} /
                           Ip{.src = kHomeAgent, .dst = kCellular, .length = 1500} /
                           Udp{.src = 434, .dst = kCellularPort, .length = 1480, .checksum = 0};
        return access(long_quote ? head / Tunnel{} / transit(kFar, kNode) : head).bytes();
    };
    for (const bool long_quote : {true, false}) {
        for (const auto& [said, tunnel] : {std::pair{1400, 1368}, {0, 1460}, {100, 68}}) {
            Lab lab;
            lab.run(kAccess, Origin::wire, error(static_cast<std::uint16_t>(said), long_quote));
            ASSERT_EQ(lab.requests.size(), 1U);
            EXPECT_EQ(lab.requests[0].kind, pipeline::Request::Kind::path_mtu);
            EXPECT_EQ(lab.requests[0].address, kCellular.value);
            EXPECT_EQ(lab.requests[0].port, kCellularPort);
            EXPECT_EQ(lab.requests[0].mtu, tunnel);
            EXPECT_EQ(lab.count(Event::path_mtu_hints), 1U);
            EXPECT_TRUE(lab.drops().empty());
            EXPECT_EQ(lab.leaked(), 0U);
        }
    }
}

TEST(Link, HeldUntilTheNeighbourIsKnown) {
    Lab lab;
    const Address silent = "158.132.10.77";
    const Bytes frame = access(transit(kFar, silent)).bytes();
    for (unsigned i = 0; i < 10; ++i) {
        lab.run(kAccess, Origin::wire, frame);
    }
    EXPECT_TRUE(lab.emitted.empty());
    EXPECT_EQ(lab.count(Event::neighbour_held), 8U);
    EXPECT_EQ(lab.count(Drop::neighbour_queue_full), 2U);
    ASSERT_EQ(lab.requests.size(), 1U);
    EXPECT_EQ(lab.requests[0].kind, pipeline::Request::Kind::resolve_neighbour);
    EXPECT_EQ(lab.requests[0].port, kHome);
    EXPECT_EQ(lab.requests[0].address, silent.value);
    lab.advance_ms(1000);
    lab.tick();
    EXPECT_EQ(lab.requests.size(), 2U);
    lab.neighbour(kHome, silent, kNobodyMac);
    lab.tick();
    ASSERT_EQ(lab.emitted.size(), 8U);
    EXPECT_EQ(harness::to_hex(lab.emitted[7].frame),
              harness::to_hex((Ether{.dst = kNobodyMac, .src = kHomeMac} / transit(kFar, silent, 63)).bytes()));
    EXPECT_EQ(lab.count(Event::neighbour_released), 8U);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Link, GivenUpWhenTheNeighbourStaysSilent) {
    Lab lab;
    lab.run(kAccess, Origin::wire, access(transit(kFar, "158.132.10.77")).bytes());
    lab.advance_ms(2999);
    lab.tick();
    EXPECT_EQ(lab.count(Drop::neighbour_unresolved), 0U);
    lab.advance_ms(1);
    lab.tick();
    EXPECT_EQ(lab.count(Drop::neighbour_unresolved), 1U);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Link, ManySilentNeighboursStayBounded) {
    Lab lab;
    for (unsigned i = 0; i < 70; ++i) {
        lab.run(kAccess, Origin::wire, access(transit(kFar, Address{Address{"158.132.10.80"}.value + i})).bytes());
    }
    EXPECT_EQ(lab.count(Event::neighbour_held), 64U);
    EXPECT_EQ(lab.count(Drop::neighbour_queue_full), 6U);
}

TEST(Link, StaleNeighbourIsUsedAndReported) {
    Lab lab;
    lab.neighbour(kHome, kPeer, kPeerMac, tables::NeighbourState::stale);
    for (unsigned i = 0; i < 5; ++i) {
        lab.run(kAccess, Origin::wire, access(transit(kFar, kPeer)).bytes());
    }
    EXPECT_EQ(lab.emitted.size(), 5U);
    ASSERT_EQ(lab.requests.size(), 1U);
    EXPECT_EQ(lab.requests[0].kind, pipeline::Request::Kind::neighbour_in_use);
    lab.advance_ms(1001);
    lab.run(kAccess, Origin::wire, access(transit(kFar, kPeer)).bytes());
    EXPECT_EQ(lab.requests.size(), 2U);
}

TEST(Link, TransitIsFragmentedToThePort) {
    Lab lab;
    lab.set_mtu(kAccess, 600);
    lab.run(kHome, Origin::wire, on_home_link(Ip{.src = kPeer, .dst = kFar} / Raw::pattern(1000)).bytes());
    ASSERT_EQ(lab.emitted.size(), 2U);
    EXPECT_EQ(lab.emitted[0].frame.size(), 14U + 20 + 576);
    EXPECT_EQ(lab.emitted[1].frame.size(), 14U + 20 + 424);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Link, GratuitousArp) {
    rte_mempool* pool = make_pool(31);
    rte_mbuf* mbuf = pipeline::gratuitous_arp(pool, kHomeMac, kPeerMac, wire::Ipv4Address{kNode.value});
    ASSERT_NE(mbuf, nullptr);
    const Bytes frame(rte_pktmbuf_mtod(mbuf, std::uint8_t*),
                      rte_pktmbuf_mtod(mbuf, std::uint8_t*) + rte_pktmbuf_pkt_len(mbuf));
    EXPECT_EQ(frame, (Ether{.dst = harness::kBroadcastMac, .src = kHomeMac} /
                      Arp{.sender_mac = kPeerMac, .sender = kNode, .target_mac = {}, .target = kNode})
                         .bytes());
    rte_pktmbuf_free(mbuf);
    rte_mempool_free(pool);
}

TEST(Link, EveryDropAndEventHasAName) {
    std::map<std::string_view, int> seen;
    for (std::size_t i = 0; i < homeward::stats::kDrops; ++i) {
        ++seen[homeward::stats::name(static_cast<Drop>(i))];
    }
    for (std::size_t i = 0; i < homeward::stats::kEvents; ++i) {
        ++seen[homeward::stats::name(static_cast<Event>(i))];
    }
    EXPECT_EQ(seen.size(), homeward::stats::kDrops + homeward::stats::kEvents);
    EXPECT_EQ(seen.count(""), 0U);
}

}  // namespace
}  // namespace lab
