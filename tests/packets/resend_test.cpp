// What left by an uplink that turns out dead leaves again by another.
#include "copies.h"

namespace lab {
namespace {

class Resending : public Copies {
  protected:
    static constexpr unsigned kLifetimeMs = 100;

    Resending() : Copies(kLifetimeMs) { lab.put(everything()); }
    ipc::Binding everything() const { return record(ipc::kNumbered | ipc::kNumberEverything); }
    /// The first uplink is deregistered.
    void lose_wlan() {
        ipc::Binding node = everything();
        node.uplinks[0] = node.uplinks[1];
        node.uplink_count = 1;
        lab.put(node);
    }
};

TEST_F(Resending, WhatLeftByADeadUplinkLeavesAgainInItsOrder) {
    std::vector<Left> before;
    for (int i = 0; i < 3; ++i) {
        const auto sent = send(kFromFar);
        ASSERT_EQ(sent.size(), 1U);
        before.push_back(sent[0]);
    }
    EXPECT_TRUE(tick().empty());
    lose_wlan();
    const auto again = tick();
    ASSERT_EQ(again.size(), 3U);
    for (std::size_t i = 0; i < 3; ++i) {
        EXPECT_EQ(again[i].to, kCellular);
        EXPECT_EQ(again[i].number, before[i].number);
        EXPECT_EQ(again[i].inner, before[i].inner);
    }
    EXPECT_EQ(lab.count(Event::resent_packets), 3U);
    EXPECT_TRUE(tick().empty());
}

TEST_F(Resending, WhatLeftByAnotherUplinkDoesNot) {
    const auto sent = send(kFromPeer);
    ASSERT_EQ(sent.size(), 1U);
    EXPECT_EQ(sent[0].to, kCellular);
    lose_wlan();
    EXPECT_TRUE(tick().empty());
}

TEST_F(Resending, FragmentsAreNotKept) {
    EXPECT_EQ(send(Ip{.src = kFar, .dst = kNode, .mf = true} / kTwice).size(), 1U);
    lose_wlan();
    EXPECT_TRUE(tick().empty());
}

TEST_F(Resending, NotAfterItsTime) {
    send(kFromFar);
    lab.advance_ms(kLifetimeMs + 1);
    lose_wlan();
    EXPECT_TRUE(tick().empty());
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST_F(Resending, NothingIsLeftOfANodeThatIsGone) {
    send(kFromFar);
    lab.tables().remove_binding(wire::Ipv4Address{kNode.value});
    EXPECT_TRUE(tick().empty());
    EXPECT_EQ(lab.count(Drop::encap_no_uplink) + lab.count(Drop::encap_policy), 1U);
    lab.advance_ms(kLifetimeMs + 1);
    tick();
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST_F(Resending, NodesThatDidNotAskForNumbersOnEverythingGetNothingTwice) {
    lab.put(record());
    send(kFromFar);
    ipc::Binding node = record();
    node.uplinks[0] = node.uplinks[1];
    node.uplink_count = 1;
    lab.put(node);
    EXPECT_TRUE(tick().empty());
}

TEST_F(Resending, OfANodeAtMostSoManyAreKept) {
    for (unsigned i = 0; i < pipeline::Resend::kPerNode + 5; ++i) {
        send(kFromFar);
    }
    EXPECT_LE(lab.leaked(), 2 * pipeline::Resend::kPerNode);
    lose_wlan();
    EXPECT_EQ(tick().size(), pipeline::Resend::kPerNode);
}

TEST_F(Resending, AWorkerThatEndsFreesWhatItKept) {
    send(kFromFar);
    EXPECT_NE(lab.leaked(), 0U);
    lab.end();
    EXPECT_EQ(lab.leaked(), 0U);
}

}  // namespace
}  // namespace lab
