// protocol.md §3.2 and §3.3: what goes to nodes, by which uplink, in which size.
#include "lab.h"

namespace lab {
namespace {

Stack packet(Address from = kFar, std::uint8_t ttl = 64, std::uint8_t tos = 0) {
    return Ip{.src = from, .dst = kNode, .ttl = ttl, .tos = tos} / Udp{.src = 5000, .dst = 9} / Raw{"down"};
}

Stack sized(unsigned length, bool df, Address from = kFar, std::uint8_t ttl = 64) {
    return Ip{.src = from, .dst = kNode, .ttl = ttl, .df = df} / Udp{.src = 5000, .dst = 9} / Raw::pattern(length - 28);
}

/// The error about `about`, as much of it as fits 576 bytes.
Stack too_big(const Stack& about, Address to, std::uint16_t mtu) {
    Bytes quote = about.bytes();
    quote.resize(std::min<std::size_t>(quote.size(), 548));
    return Ip{.src = kHomeAgent, .dst = to, .tos = 0xc0, .id = 0} / Icmp{.type = 3, .code = 4, .rest = mtu} /
           Raw{std::move(quote)};
}

void uplink_down(Lab& lab, std::size_t index) {
    auto node = lab.node_record();
    node.uplinks[index].flags = 0;
    lab.put(node);
}

class Encap : public testing::TestWithParam<Row> {};
TEST_P(Encap, Row) {
    check(GetParam());
}

const Stack kLooping = Ip{.src = kWlan, .dst = kNode} /
                       (Udp{.src = 434, .dst = 434} / Tunnel{} / Ip{.src = kFar, .dst = kNode} / Raw{"x"});

const Row kRows[] = {
    {.name = "fallback_uplink",
     .port = kHome,
     .in = on_home_link(packet()),
     .out = {sent(kAccess, downlink(packet(kFar, 63)))},
     .events = {Event::downlink_packets, Event::downlink_bytes}},
    {.name = "policy_by_source",
     .port = kHome,
     .in = on_home_link(packet(kPeer)),
     .out = {sent(kAccess, downlink(packet(kPeer, 63), kCellular, kCellularPort))}},
    {.name = "preferred_uplink_down",
     .port = kHome,
     .in = on_home_link(packet(kPeer)),
     .out = {sent(kAccess, downlink(packet(kPeer, 63)))},
     .setup = [](Lab& lab) { uplink_down(lab, 1); }},
    {.name = "single_uplink_carries_everything",
     .port = kHome,
     .in = on_home_link(packet()),
     .out = {sent(kAccess, downlink(packet(kFar, 63), kCellular, kCellularPort))},
     .setup =
         [](Lab& lab) {
             auto node = lab.node_record();
             node.uplinks[0] = node.uplinks[1];
             node.uplink_count = 1;
             lab.put(node);
         }},
    {.name = "no_uplink_up",
     .port = kHome,
     .in = on_home_link(packet()),
     .drops = {Drop::encap_no_uplink},
     .setup =
         [](Lab& lab) {
             auto node = lab.node_record();
             node.uplinks[0].flags = node.uplinks[1].flags = 0;
             lab.put(node);
         }},
    {.name = "only_an_uplink_that_is_down",
     .port = kHome,
     .in = on_home_link(packet(kPeer)),
     .drops = {Drop::encap_no_uplink},
     .setup =
         [](Lab& lab) {
             lab.put_policy(2,
                            {.rules = {{.correspondent = *wire::Ipv4Prefix::parse("158.132.10.178"), .uplinks = {2}}},
                             .fallback = {1}});
             auto node = lab.node_record();
             node.policy = 2;
             node.uplinks[1].flags = 0;
             lab.put(node);
         }},
    {.name = "rule_drops",
     .port = kHome,
     .in = on_home_link(packet(kPeer)),
     .drops = {Drop::encap_policy},
     .setup =
         [](Lab& lab) {
             lab.put_policy(2, {.rules = {{.correspondent = *wire::Ipv4Prefix::parse("158.132.10.178"), .uplinks = {}}},
                                .fallback = {1}});
             auto node = lab.node_record();
             node.policy = 2;
             lab.put(node);
         }},
    {.name = "names_are_binding_ids",
     .port = kHome,
     .in = on_home_link(packet()),
     .out = {sent(kAccess, downlink(packet(kFar, 63), kCellular, kCellularPort))},
     .setup =
         [](Lab& lab) {
             lab.put_policy(3, {.rules = {}, .fallback = {12, 11}});
             auto node = lab.node_record();
             node.policy = 3;
             node.flags = ipc::kPolicyNamesBindingIds;
             lab.put(node);
         }},
    {.name = "no_policy_takes_the_first_up",
     .port = kHome,
     .in = on_home_link(packet(kPeer)),
     .out = {sent(kAccess, downlink(packet(kPeer, 63), kCellular, kCellularPort))},
     .setup =
         [](Lab& lab) {
             auto node = lab.node_record();
             node.policy = 0;
             std::swap(node.uplinks[0], node.uplinks[1]);
             lab.put(node);
         }},
    {.name = "rule_with_port",
     .port = kHome,
     .in = on_home_link(packet()),
     .out = {sent(kAccess, downlink(packet(kFar, 63), kCellular, kCellularPort))},
     .setup =
         [](Lab& lab) {
             lab.put_policy(1,
                            {.rules = {{.correspondent = {}, .protocol = 17, .ports = {5000, 5999}, .uplinks = {2, 1}}},
                             .fallback = {1, 2}});
             lab.put(lab.node_record());
         }},
    {.name = "dscp_copied_ecn_not",
     .port = kHome,
     .in = on_home_link(packet(kFar, 64, 0xba)),
     .out = {sent(kAccess, downlink(packet(kFar, 63, 0xba), kWlan, kWlanPort, 0xb8))}},
    {.name = "ecn_copied_in_normal_mode",
     .port = kHome,
     .in = on_home_link(packet(kFar, 64, 0xbb)),
     .out = {sent(kAccess, downlink(packet(kFar, 63, 0xbb), kWlan, kWlanPort, 0xbb))},
     .setup =
         [](Lab& lab) {
             lab.settings().ecn = ipc::Ecn::normal;
             lab.apply_settings();
         }},
    {.name = "zero_udp_checksum",
     .port = kHome,
     .in = on_home_link(packet()),
     .out = {sent(kAccess, Ether{.dst = kGatewayMac, .src = kAccessMac} /
                               Ip{.src = kHomeAgent, .dst = kWlan, .id = 0, .df = true} /
                               Udp{.src = 434, .dst = kWlanPort, .checksum = 0} / Tunnel{} / packet(kFar, 63))},
     .setup =
         [](Lab& lab) {
             lab.settings().udp_checksum = ipc::Checksum::zero;
             lab.apply_settings();
         }},
    {.name = "from_the_kernel_keeps_its_ttl",
     .port = kHome,
     .in = Ether{.dst = kHomeMac, .src = kHomeMac} / Ip{.src = kHomeOwn, .dst = kNode, .ttl = 1} / Udp{.src = 53} /
           Raw{"x"},
     .out = {sent(kAccess, downlink(Ip{.src = kHomeOwn, .dst = kNode, .ttl = 1} / Udp{.src = 53} / Raw{"x"}))},
     .origin = Origin::kernel},
    {.name = "from_the_kernel_to_others_unchanged",
     .port = kAccess,
     .in = to_gateway(Ip{.src = kHomeAgent, .dst = kWlan, .id = 0} / Udp{.src = 434, .dst = 434} / Raw{"reply"}),
     .out = {sent(kAccess, to_gateway(Ip{.src = kHomeAgent, .dst = kWlan, .id = 0} / Udp{.src = 434, .dst = 434} /
                                      Raw{"reply"}))},
     .origin = Origin::kernel,
     .events = {Event::from_kernel_packets}},
    {.name = "ttl_one",
     .port = kHome,
     .in = on_home_link(packet(kPeer, 1)),
     .out = {sent(kHome, to_peer(Ip{.src = kHomeAgent, .dst = kPeer, .tos = 0xc0, .id = 0} / Icmp{.type = 11} /
                                 packet(kPeer, 1)))},
     .drops = {Drop::forward_ttl}},
    {.name = "own_source_from_outside",
     .port = kHome,
     .in = on_home_link(packet(kHomeAgent)),
     .drops = {Drop::encap_own_source}},
    {.name = "other_own_source_from_outside",
     .port = kHome,
     .in = on_home_link(packet(kHomeOwn)),
     .drops = {Drop::encap_own_source}},
    {.name = "source_nobody_has",
     .port = kHome,
     .in = on_home_link(packet("127.0.0.1")),
     .drops = {Drop::encap_bad_source}},
    {.name = "loop_of_ip_in_ip",
     .port = kAccess,
     .in = Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = kWlan, .dst = kNode} /
           Ip{.src = kFar, .dst = kNode} / Raw{"x"},
     .drops = {Drop::encap_loop}},
    {.name = "loop_of_tunnel_data",
     .port = kAccess,
     .in = Ether{.dst = kAccessMac, .src = kGatewayMac} / kLooping,
     .drops = {Drop::encap_loop}},
    {.name = "link_broadcast_is_not_tunnelled",
     .port = kHome,
     .in = Ether{.dst = harness::kBroadcastMac, .src = kPeerMac} / packet(),
     .drops = {Drop::forward_broadcast}},
    {.name = "hairpin_between_nodes",
     .port = kAccess,
     .in = uplink(Ip{.src = kNode2, .dst = kNode} / Udp{.src = 1, .dst = 2} / Raw{"hi"}, kWlan2, kWlan2Port),
     .out = {sent(kAccess, downlink(Ip{.src = kNode2, .dst = kNode, .ttl = 63} / Udp{.src = 1, .dst = 2} / Raw{"hi"}))},
     .events = {Event::hairpin_packets}},
    {.name = "exactly_the_tunnel_mtu",
     .port = kHome,
     .in = on_home_link(sized(1468, true)),
     .out = {sent(kAccess, downlink(sized(1468, true, kFar, 63)))}},
    {.name = "df_one_byte_too_big",
     .port = kHome,
     .in = on_home_link(sized(1469, true, kPeer)),
     .out = {sent(kHome, to_peer(too_big(sized(1469, true, kPeer), kPeer, 1468)))},
     .drops = {Drop::encap_too_big}},
    {.name = "df_too_big_from_our_kernel",
     .port = kHome,
     .in = Ether{.dst = kHomeMac, .src = kHomeMac} / sized(1500, true, kHomeOwn),
     .out = {to_kernel(kHome, KernelClass::other,
                       injected(kHome, too_big(sized(1500, true, kHomeOwn), kHomeOwn, 1468)))},
     .drops = {Drop::encap_too_big},
     .origin = Origin::kernel},
    {.name = "df_too_big_from_another_node",
     .port = kAccess,
     .in = uplink(sized(1460, true, kNode2), kWlan2, kWlan2Port),
     .out = {sent(kAccess, downlink(too_big(sized(1460, true, kNode2), kNode2, 1400), kWlan2, kWlan2Port, 0xc0))},
     .drops = {Drop::encap_too_big},
     .setup =
         [](Lab& lab) {
             auto node = lab.node_record();
             node.uplinks[0].tunnel_mtu = 1400;
             lab.put(node);
         }},
    {.name = "no_error_about_an_error",
     .port = kHome,
     .in = on_home_link(Ip{.src = kPeer, .dst = kNode, .df = true} / Icmp{.type = 3} / Raw::pattern(1472)),
     .drops = {Drop::encap_too_big},
     .events = {Event::icmp_suppressed}},
    {.name = "no_error_about_a_later_fragment",
     .port = kHome,
     .in = on_home_link(Ip{.src = kPeer, .dst = kNode, .df = true, .offset = 8} / Raw::pattern(1480)),
     .drops = {Drop::encap_too_big},
     .events = {Event::icmp_suppressed}},
    {.name = "egress_port_too_small",
     .port = kHome,
     .in = on_home_link(sized(1400, true)),
     .drops = {Drop::encap_path_too_big},
     .setup = [](Lab& lab) { lab.set_mtu(kAccess, 1300); }},
};

INSTANTIATE_TEST_SUITE_P(Rows, Encap, testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(Encap, EgressPortTooSmallLowersTheTunnel) {
    Lab lab;
    lab.set_mtu(kAccess, 1300);
    lab.run(kHome, Origin::wire, on_home_link(sized(1400, true)).bytes());
    ASSERT_EQ(lab.requests.size(), 1U);
    EXPECT_EQ(lab.requests[0].kind, pipeline::Request::Kind::path_mtu);
    EXPECT_EQ(lab.requests[0].mtu, 1268);
    EXPECT_TRUE(lab.tables().lower_path_mtu(lab.requests[0].address, lab.requests[0].port, lab.requests[0].mtu, 1));
    lab.run(kHome, Origin::wire, on_home_link(sized(1400, true, kPeer)).bytes());
    EXPECT_EQ(lab.count(Drop::encap_path_too_big), 2U);  // .178 goes by the other uplink, which learns for itself
    lab.run(kHome, Origin::wire, on_home_link(sized(1400, true)).bytes());
    EXPECT_EQ(lab.count(Drop::encap_too_big), 1U);
}

TEST(Encap, ErrorsAreRateLimited) {
    Lab lab;
    lab.settings().icmp_errors_per_s = 10;
    lab.apply_settings();
    const Bytes frame = on_home_link(sized(1500, true, kPeer)).bytes();
    for (unsigned i = 0; i < 50; ++i) {
        lab.run(kHome, Origin::wire, frame);
    }
    EXPECT_EQ(lab.count(Event::icmp_sent), 10U);
    EXPECT_EQ(lab.count(Event::icmp_suppressed), 40U);
    lab.advance_ms(500);
    for (unsigned i = 0; i < 50; ++i) {
        lab.run(kHome, Origin::wire, frame);
    }
    EXPECT_EQ(lab.count(Event::icmp_sent), 15U);
}

/// Puts fragments back together; empty when they do not fit.
Bytes reassemble(const std::vector<Bytes>& pieces) {
    Bytes whole;
    for (const Bytes& piece : pieces) {
        EXPECT_EQ(harness::ip_checksum_fault(piece), "");
        const std::size_t header = (piece[0] & 0xfU) * 4;
        const std::size_t offset = (static_cast<std::size_t>(piece[6] & 0x1f) << 8 | piece[7]) * 8;
        const bool last = (piece[6] & 0x20) == 0;
        EXPECT_EQ(offset, whole.size());
        EXPECT_EQ(last, &piece == &pieces.back());
        whole.insert(whole.end(), piece.begin() + static_cast<std::ptrdiff_t>(header), piece.end());
    }
    return whole;
}

TEST(Encap, FragmentsBeforeWrapping) {
    for (const unsigned length : {1469U, 1500U, 2936U, 2937U, 4000U}) {
        SCOPED_TRACE(length);
        Lab lab;
        const Stack big = Ip{.src = kFar, .dst = kNode, .id = 4711, .options = {0x94, 4, 0, 0, 7, 3, 4, 0}} /
                          Udp{.src = 1, .dst = 2} / Raw::pattern(length - 36);
        lab.run(kHome, Origin::wire, on_home_link(big).bytes());
        EXPECT_TRUE(lab.drops().empty());
        std::vector<Bytes> pieces;
        for (const Emitted& emitted : lab.emitted) {
            EXPECT_EQ(emitted.port, kAccess);
            EXPECT_LE(emitted.frame.size(), 14U + 1500U);
            EXPECT_EQ(harness::checksum_fault(emitted.frame), "");
            EXPECT_EQ(emitted.frame[20] & 0x40, 0x40) << "outer DF";
            pieces.emplace_back(emitted.frame.begin() + 46, emitted.frame.end());
            EXPECT_EQ(pieces.back()[8], 63) << "inner TTL";
            // The router alert is copied into every fragment, the record route only into the first (RFC 791).
            EXPECT_EQ((pieces.back()[0] & 0xfU) * 4, pieces.size() == 1 ? 28U : 24U);
        }
        EXPECT_EQ(pieces.size(), length <= 2900 ? 2U : 3U);
        const Bytes sent_payload = big.bytes();
        EXPECT_EQ(reassemble(pieces), Bytes(sent_payload.begin() + 28, sent_payload.end()));
        EXPECT_EQ(lab.leaked(), 0U);
    }
}

TEST(Encap, AFragmentIsFragmentedAgain) {
    Lab lab;
    const Stack middle = Ip{.src = kFar, .dst = kNode, .mf = true, .offset = 1480, .protocol = 17} / Raw::pattern(1480);
    lab.run(kHome, Origin::wire, on_home_link(middle).bytes());
    ASSERT_EQ(lab.emitted.size(), 2U);
    const auto field = [&](std::size_t i) { return lab.emitted[i].frame[46 + 6] << 8 | lab.emitted[i].frame[46 + 7]; };
    EXPECT_EQ(field(0), 0x2000 | 185);
    EXPECT_EQ(field(1), 0x2000 | (185 + 1448 / 8));
}

struct MssRow {
    const char* name;
    std::uint8_t flags;
    Bytes before, after;
};

/// Both directions and the hairpin; the smallest tunnel of the node decides, whatever uplink is taken.
TEST(Mss, Rows) {
    const MssRow rows[] = {
        {"lowered", 0x02, {2, 4, 0x05, 0xb4}, {2, 4, 0x05, 0x50}},  // 1460 → 1360
        {"syn_ack", 0x12, {2, 4, 0x05, 0xb4}, {2, 4, 0x05, 0x50}},
        {"smaller_stays", 0x02, {2, 4, 0x02, 0x18}, {2, 4, 0x02, 0x18}},
        {"equal_stays", 0x02, {2, 4, 0x05, 0x50}, {2, 4, 0x05, 0x50}},
        {"no_syn", 0x10, {2, 4, 0x05, 0xb4}, {2, 4, 0x05, 0xb4}},
        {"behind_others",
         0x02,
         {4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 2, 4, 0x05, 0xb4},
         {4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0, 2, 4, 0x05, 0x50}},
        {"odd_offset", 0x02, {1, 2, 4, 0x05, 0xb4, 1, 1, 0}, {1, 2, 4, 0x05, 0x50, 1, 1, 0}},
        {"absent", 0x02, {1, 1, 1, 0}, {1, 1, 1, 0}},
        {"broken_length", 0x02, {2, 3, 0x05, 0xb4}, {2, 3, 0x05, 0xb4}},
        {"option_runs_over", 0x02, {1, 1, 2, 4}, {1, 1, 2, 4}},
        {"zero_length_option", 0x02, {9, 0, 2, 4}, {9, 0, 2, 4}},
    };
    for (const MssRow& row : rows) {
        SCOPED_TRACE(row.name);
        const auto setup = [](Lab& lab) {
            auto node = lab.node_record();
            node.uplinks[1].tunnel_mtu = 1400;
            lab.put(node);
        };
        const auto tcp = [&](Address from, Address to, std::uint8_t ttl, const Bytes& options) {
            return Ip{.src = from, .dst = to, .ttl = ttl} /
                   Tcp{.src = 80, .dst = 81, .flags = row.flags, .options = options};
        };
        check({.name = "down",
               .port = kHome,
               .in = on_home_link(tcp(kFar, kNode, 64, row.before)),
               .out = {sent(kAccess, downlink(tcp(kFar, kNode, 63, row.after)))},
               .setup = setup});
        check({.name = "up",
               .in = uplink(tcp(kNode, kPeer, 64, row.before)),
               .out = {sent(kHome, to_peer(tcp(kNode, kPeer, 63, row.after)))},
               .setup = setup});
        check({.name = "hairpin",
               .in = uplink(tcp(kNode, kNode2, 64, row.before)),
               .out = {sent(kAccess, downlink(tcp(kNode, kNode2, 63, row.after), kWlan2, kWlan2Port))},
               .setup = setup});
    }
}

TEST(Mss, DefaultTunnelAndSwitch) {
    const auto syn = [](std::uint8_t ttl, Bytes options) {
        return Ip{.src = kFar, .dst = kNode, .ttl = ttl} /
               Tcp{.src = 80, .dst = 81, .flags = 2, .options = std::move(options)};
    };
    check({.name = "1428",
           .port = kHome,
           .in = on_home_link(syn(64, {2, 4, 0x05, 0xb4})),
           .out = {sent(kAccess, downlink(syn(63, {2, 4, 0x05, 0x94})))},
           .events = {Event::mss_clamped}});
    check({.name = "off",
           .port = kHome,
           .in = on_home_link(syn(64, {2, 4, 0x05, 0xb4})),
           .out = {sent(kAccess, downlink(syn(63, {2, 4, 0x05, 0xb4})))},
           .setup = [](Lab& lab) {
               lab.settings().clamp_mss = 0;
               lab.apply_settings();
           }});
}

}  // namespace
}  // namespace lab
