// Numbers in the tunnel header: copies that came already, and what the home agent itself numbers.
#include "lab.h"

namespace lab {
namespace {

const Stack kPayload = Udp{.src = 1000, .dst = 2000} / Raw{"numbered"};
const Stack kUp = Ip{.src = kNode, .dst = kPeer} / kPayload;
const Stack kDown = Ip{.src = kPeer, .dst = kNode} / kPayload;

constexpr std::size_t kNumberAt = 14 + 20 + 8 + 2;

Bytes numbered(std::uint16_t number, Address care_of = kWlan, std::uint16_t port = kWlanPort, std::uint8_t ttl = 64) {
    const Stack inner = Ip{.src = kNode, .dst = kPeer, .ttl = ttl} / kPayload;
    return (Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = care_of, .dst = kHomeAgent} /
            Udp{.src = port, .dst = 434} / Tunnel{.reserved = number} / inner)
        .bytes();
}
Bytes by_cellular(std::uint16_t number) {
    return numbered(number, kCellular, kCellularPort);
}

class Numbering : public testing::TestWithParam<bool> {
  protected:
    Numbering() : lab(true, GetParam()) { agree(); }

    void agree(std::uint16_t run = 1, std::uint8_t more_flags = 0) {
        ipc::Binding node = lab.node_record();
        node.flags |= ipc::kNumbered | more_flags;
        node.run = run;
        lab.put(node);
    }
    /// How many packets a frame made the home agent send.
    std::size_t sends(const Bytes& frame, std::uint16_t port = kAccess) {
        lab.emitted.clear();
        lab.run(port, Origin::wire, frame);
        return lab.emitted.size();
    }
    /// The number of the tunnel packet that a packet to the node leaves in.
    unsigned number_down(const Stack& inner = kDown) {
        EXPECT_EQ(sends(on_home_link(inner).bytes(), kHome), 1U);
        const Bytes& frame = lab.emitted.at(0).frame;
        return static_cast<unsigned>(frame.at(kNumberAt) << 8 | frame.at(kNumberAt + 1));
    }

    Lab lab;
};
INSTANTIATE_TEST_SUITE_P(Lane, Numbering, testing::Bool(),
                         [](const auto& express) { return express.param ? "express" : "stages"; });

TEST_P(Numbering, OfCopiesOverTwoUplinksTheFirstPasses) {
    EXPECT_EQ(sends(numbered(7)), 1U);
    EXPECT_EQ(sends(by_cellular(7)), 0U);
    EXPECT_EQ(sends(by_cellular(8)), 1U);
    EXPECT_EQ(sends(numbered(8)), 0U);
    EXPECT_EQ(lab.count(Drop::decap_duplicate), 2U);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST_P(Numbering, CopiesInOneBurst) {
    lab.run_burst(kAccess, Origin::wire,
                  {numbered(7), by_cellular(7), by_cellular(8), uplink(kUp).bytes(), numbered(8)});
    EXPECT_EQ(lab.emitted.size(), 3U);
    EXPECT_EQ(lab.count(Drop::decap_duplicate), 2U);
}

TEST_P(Numbering, WithoutANumberEveryPacketPasses) {
    EXPECT_EQ(sends(uplink(kUp).bytes()), 1U);
    EXPECT_EQ(sends(uplink(kUp).bytes()), 1U);
    EXPECT_EQ(lab.count(Drop::decap_duplicate), 0U);
}

TEST_P(Numbering, WhatIsRefusedHasNotCome) {
    EXPECT_EQ(sends(numbered(7, kWlan, kWlanPort, 0)), 0U);  // TTL 0
    EXPECT_EQ(sends(numbered(7, kFar, 99)), 0U);             // from nowhere
    EXPECT_EQ(sends(by_cellular(7)), 1U);
    EXPECT_EQ(lab.count(Drop::decap_duplicate), 0U);
}

TEST_P(Numbering, NodesDoNotKnowEachOthersNumbers) {
    ipc::Binding other{.home_address = kNode2.value, .flags = ipc::kNumbered, .uplink_count = 1, .run = 1};
    other.uplinks[0] = {kWlan2.value, kWlan2Port, 1, 11, ipc::kUplinkUp, 0, 0};
    lab.put(other);
    EXPECT_EQ(sends(numbered(7)), 1U);
    const Stack frame = Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = kWlan2, .dst = kHomeAgent} /
                        Udp{.src = kWlan2Port, .dst = 434} / Tunnel{.reserved = 7} /
                        (Ip{.src = kNode2, .dst = kPeer} / kPayload);
    EXPECT_EQ(sends(frame.bytes()), 1U);
}

TEST_P(Numbering, TheSameRunGoesOnThroughAHandoverAnotherBeginsAnew) {
    EXPECT_EQ(sends(numbered(7)), 1U);
    agree(1);
    EXPECT_EQ(sends(by_cellular(7)), 0U);
    agree(2);
    EXPECT_EQ(sends(by_cellular(7)), 1U);
}

TEST_P(Numbering, WithoutAgreementTheBytesAreNotRead) {
    lab.put(lab.node_record());
    EXPECT_EQ(sends(numbered(7)), 1U);
    EXPECT_EQ(sends(numbered(7)), 1U);
    EXPECT_EQ(number_down(), 0U);
    EXPECT_EQ(lab.count(Drop::decap_duplicate), 0U);
}

TEST_P(Numbering, ANodeThatIsGoneAndBackIsNotNumbered) {
    lab.tables().remove_binding(wire::Ipv4Address{kNode.value});
    lab.put(lab.node_record());
    EXPECT_EQ(sends(numbered(7)), 1U);
    EXPECT_EQ(sends(numbered(7)), 1U);
}

TEST_P(Numbering, DownTheBytesAreZeroUnlessEverythingIsNumbered) {
    EXPECT_EQ(number_down(), 0U);
    EXPECT_EQ(number_down(), 0U);
}

TEST_P(Numbering, EverythingDownIsNumberedInOrderOverAllUplinks) {
    agree(1, ipc::kNumberEverything);
    const unsigned first = number_down();
    const auto after = [](unsigned number) { return number == 65535 ? 1 : number + 1; };
    EXPECT_NE(first, 0U);
    const unsigned second = number_down(Ip{.src = kFar, .dst = kNode} / kPayload);  // by the other uplink
    EXPECT_EQ(second, after(first));
    EXPECT_EQ(number_down(), after(second));
}

TEST_P(Numbering, AnEchoInTheTunnelHasNoNumber) {
    agree(1, ipc::kNumberEverything);
    EXPECT_EQ(sends(uplink(Ip{.src = kNode, .dst = kHomeAgent} / Icmp{} / Raw{"ping"}).bytes()), 1U);
    EXPECT_EQ(lab.emitted.at(0).frame.at(kNumberAt) | lab.emitted.at(0).frame.at(kNumberAt + 1), 0);
}

}  // namespace
}  // namespace lab
