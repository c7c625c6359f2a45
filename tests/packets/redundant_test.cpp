// Mode::redundant: by the first two uplinks of the rule that are up.
#include "copies.h"

namespace lab {
namespace {

class Redundant : public Copies {
  protected:
    Redundant() {
        policy::Rule rule{.correspondent = wire::Ipv4Prefix::of(wire::Ipv4Address{kPeer.value}, 32)};
        rule.uplinks = {2, 1};
        rule.mode = policy::Mode::redundant;
        lab.put_policy(1, {.rules = {rule}, .fallback = {1, 2}});
    }
};

TEST_F(Redundant, LeaveByTheFirstTwoUplinksThatAreUp) {
    lab.put(record());
    const auto sent = send(kFromPeer);
    ASSERT_EQ(sent.size(), 2U);
    // The copy is made while the packet is still there.
    EXPECT_EQ(sent[0].to, kWlan);
    EXPECT_EQ(sent[1].to, kCellular);
    EXPECT_NE(sent[0].number, 0U);
    EXPECT_EQ(sent[0].number, sent[1].number);
    EXPECT_EQ(sent[0].inner, sent[1].inner);
    EXPECT_EQ(lab.count(Event::downlink_packets), 1U);
    EXPECT_EQ(lab.count(Event::downlink_copies), 1U);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST_F(Redundant, AreWholeTunnelPacketsEach) {
    lab.put(record());
    lab.emitted.clear();
    lab.run(kHome, Origin::wire, on_home_link(kFromPeer).bytes());
    ASSERT_EQ(lab.emitted.size(), 2U);
    const auto expected = [&](const Emitted& each, Address care_of, std::uint16_t port) {
        Bytes frame = normalised(each.frame);
        const auto number = static_cast<std::uint16_t>(Left{frame}.number);
        const Stack inner = Ip{.src = kPeer, .dst = kNode, .ttl = 63} / kTwice;
        EXPECT_EQ(frame, normalised((Ether{.dst = kGatewayMac, .src = kAccessMac} /
                                     Ip{.src = kHomeAgent, .dst = care_of, .id = 0, .df = true} /
                                     Udp{.src = 434, .dst = port} / Tunnel{.reserved = number} / inner)
                                        .bytes()));
    };
    expected(lab.emitted[0], kWlan, kWlanPort);
    expected(lab.emitted[1], kCellular, kCellularPort);
}

TEST_F(Redundant, OneUplinkUpGetsTheOnlyOne) {
    ipc::Binding node = record();
    node.uplinks[1].flags = 0;
    lab.put(node);
    const auto sent = send(kFromPeer);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].to, kWlan);
    EXPECT_EQ(sent[0].number, 0U);
}

TEST_F(Redundant, OtherRulesSendOnceAndUnnumbered) {
    lab.put(record());
    const auto sent = send(kFromFar);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].to, kWlan);
    EXPECT_EQ(sent[0].number, 0U);
}

TEST_F(Redundant, WithoutAgreementTheFirstUplinkCarriesAlone) {
    lab.put(lab.node_record());
    const auto sent = send(kFromPeer);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].to, kCellular);
    EXPECT_EQ(sent[0].number, 0U);
}

TEST_F(Redundant, WhatIsTooLargeForEitherIsCutForBoth) {
    ipc::Binding node = record();
    node.uplinks[0].tunnel_mtu = 600;
    lab.put(node);
    const auto sent = send(Ip{.src = kPeer, .dst = kNode} / Udp{.src = 1000, .dst = 2000} / Raw::pattern(1000));
    ASSERT_EQ(sent.size(), 4U);
    EXPECT_EQ(sent[0].number, sent[1].number);
    EXPECT_EQ(sent[2].number, sent[3].number);
    EXPECT_NE(sent[0].number, sent[2].number);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST_F(Redundant, WithoutABufferTheFirstStillLeaves) {
    lab.put(record());
    const auto held = lab.exhaust_pool(1);
    const auto sent = send(kFromPeer);
    EXPECT_EQ(sent.size(), 1U);
    EXPECT_EQ(lab.count(Event::copies_lost), 1U);
    for (rte_mbuf* each : held) {
        rte_pktmbuf_free(each);
    }
}

}  // namespace
}  // namespace lab
