// What only bursts show: full outputs, exhausted pools, order, and a worker that ends.
#include <rte_mbuf.h>

#include "lab.h"

namespace lab {
namespace {

const Stack kDown = Ip{.src = kFar, .dst = kNode} / Udp{.src = 1, .dst = 2} / Raw{"x"};

TEST(Burst, OrderIsKept) {
    Lab lab;
    std::vector<Bytes> frames;
    for (std::uint16_t i = 0; i < pipeline::Pipeline::kBurst; ++i) {
        frames.push_back(on_home_link(Ip{.src = kFar, .dst = kNode, .id = i} / Udp{.src = 1, .dst = 2}).bytes());
    }
    lab.run_burst(kHome, Origin::wire, frames);
    ASSERT_EQ(lab.emitted.size(), frames.size());
    for (std::size_t i = 0; i < frames.size(); ++i) {
        EXPECT_EQ(lab.emitted[i].frame[46 + 5], i);
        EXPECT_EQ(harness::checksum_fault(lab.emitted[i].frame), "");
    }
}

TEST(Burst, AMixedBurstGoesEveryWay) {
    Lab lab;
    lab.run_burst(kAccess, Origin::wire,
                  {uplink(Ip{.src = kNode, .dst = kPeer} / Raw{"a"}).bytes(),
                   {1, 2, 3},
                   uplink(Ip{.src = kNode, .dst = kNode2} / Raw{"b"}).bytes(),
                   uplink(Ip{.src = kNode, .dst = kHomeAgent} / Icmp{.type = 8} / Raw{"c"}).bytes(),
                   (Ether{.dst = kAccessMac, .src = kGatewayMac} / kDown).bytes(),
                   uplink(Ip{.src = kNode, .dst = kHomeOwn} / Tcp{.dst = 22}).bytes()});
    EXPECT_EQ(lab.emitted.size(), 5U);
    EXPECT_EQ(lab.drops(), (std::map<std::string, std::uint64_t>{{"classify.short_frame", 1}}));
    EXPECT_EQ(lab.count(Event::uplink_packets), 4U);
    EXPECT_EQ(lab.count(Event::downlink_packets), 3U);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Burst, EveryPacketOfABurstMayCauseAnError) {
    Lab lab;
    lab.settings().icmp_errors_per_s = 1000;
    lab.apply_settings();
    const Bytes big = on_home_link(Ip{.src = kPeer, .dst = kNode, .df = true} / Raw::pattern(1480)).bytes();
    lab.run_burst(kHome, Origin::wire, std::vector<Bytes>(pipeline::Pipeline::kBurst, big));
    EXPECT_EQ(lab.emitted.size(), pipeline::Pipeline::kBurst);
    EXPECT_EQ(lab.count(Event::icmp_sent), pipeline::Pipeline::kBurst);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Burst, OutputHasAnEnd) {
    Lab lab;
    const Bytes frame = (Ether{.dst = kHomeMac, .src = kPeerMac, .type = 0x86dd} / Raw::pattern(60)).bytes();
    lab.run_without_sending(kHome, std::vector<Bytes>(pipeline::Output::kToKernel + 3, frame));
    EXPECT_EQ(lab.count(Drop::output_full), 3U);
    lab.take_output();
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Burst, NoBufferForFragments) {
    Lab lab;
    const std::vector<rte_mbuf*> held = lab.exhaust_pool(1);
    lab.run(kHome, Origin::wire, on_home_link(Ip{.src = kFar, .dst = kNode} / Raw::pattern(1480)).bytes());
    EXPECT_EQ(lab.count(Drop::fragment_no_buffer), 1U);
    for (rte_mbuf* mbuf : held) {
        rte_pktmbuf_free(mbuf);
    }
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Burst, NoBufferForAnError) {
    Lab lab;
    const std::vector<rte_mbuf*> held = lab.exhaust_pool(1);
    lab.run(kHome, Origin::wire, on_home_link(Ip{.src = kPeer, .dst = kNode, .df = true} / Raw::pattern(1480)).bytes());
    EXPECT_EQ(lab.count(Event::icmp_suppressed), 1U);
    EXPECT_EQ(lab.count(Drop::encap_too_big), 1U);
    for (rte_mbuf* mbuf : held) {
        rte_pktmbuf_free(mbuf);
    }
}

TEST(Burst, NoHeadroom) {
    for (const auto& [room, reason] : {std::pair{0U, Drop::encap_no_headroom}, {20U, Drop::forward_no_headroom}}) {
        Lab lab;
        lab.headroom = room;
        lab.run(kHome, Origin::wire, on_home_link(kDown).bytes());
        EXPECT_EQ(lab.count(reason), 1U);
        EXPECT_EQ(lab.leaked(), 0U);
    }
}

TEST(Burst, JumboFramesComeInSegments) {
    Lab lab;
    lab.set_mtu(kHome, 9000);
    const Stack big = Ip{.src = kNode2, .dst = kPeer} / Udp{.src = 1, .dst = 2} / Raw::pattern(4000);
    const Stack after = Ip{.src = kNode2, .dst = kPeer, .ttl = 63} / Udp{.src = 1, .dst = 2} / Raw::pattern(4000);
    lab.run(kAccess, Origin::wire, uplink(big, kWlan2, kWlan2Port).bytes());
    ASSERT_EQ(lab.emitted.size(), 1U);
    EXPECT_EQ(harness::to_hex(lab.emitted[0].frame), harness::to_hex(to_peer(after).bytes()));
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Burst, BuffersOfTheDriverGoBackToIt) {
    Lab lab;
    lab.lent_buffers = true;
    lab.run(kHome, Origin::wire, on_home_link(kDown).bytes());
    lab.run(kAccess, Origin::wire, uplink(Ip{.src = kNode, .dst = kPeer} / Raw{"x"}).bytes());
    lab.run(kHome, Origin::wire,
            (Ether{.dst = harness::kBroadcastMac, .src = kPeerMac} /
             Arp{.sender_mac = kPeerMac, .sender = kPeer, .target = kNode})
                .bytes());
    EXPECT_EQ(lab.emitted.size(), 3U);
    EXPECT_EQ(lab.returned_buffers, 3U);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Burst, AWorkerThatEndsFreesWhatWaits) {
    Lab lab;
    lab.run(
        kAccess, Origin::wire,
        (Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = kFar, .dst = "158.132.10.77"} / Raw{"x"}).bytes());
    EXPECT_EQ(lab.leaked(), 1U);
    lab.end();
    EXPECT_EQ(lab.count(Drop::stopping), 1U);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(Burst, UntilSettingsCameNothingIsTunnelled) {
    Lab lab{/*settled=*/false};
    const Bytes data = uplink(Ip{.src = kNode, .dst = kPeer} / Raw{"x"}).bytes();
    lab.run(kAccess, Origin::wire, data);
    ASSERT_EQ(lab.emitted.size(), 1U);
    EXPECT_TRUE(lab.emitted[0].kernel);
    EXPECT_EQ(lab.emitted[0].frame, data);
}

}  // namespace
}  // namespace lab
