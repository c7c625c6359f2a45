#include "handover/coordinator.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace homeward::handover {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr unsigned kWlan = 0;
constexpr unsigned kCellular = 1;

uplinks::Attachment whole(const char* address, std::uint32_t mtu = 1500) {
    uplinks::Attachment attachment;
    attachment.index = 3;
    attachment.running = true;
    attachment.mtu = mtu;
    attachment.address = uplinks::InterfaceAddress{*wire::Ipv4Address::parse(address), 24};
    return attachment;
}
uplinks::Attachment without_link(const char* address) {
    uplinks::Attachment attachment = whole(address);
    attachment.running = false;
    return attachment;
}

/// Actions as words, notices left out: "usable 0 no, detach 0".
struct Words {
    std::string operator()(const Attach& a) const {
        return std::string(a.renewed ? "renew " : "attach ") + std::to_string(a.slot);
    }
    std::string operator()(const Detach& a) const {
        return "detach " + std::to_string(a.slot) + (a.receive ? " receiving" : "");
    }
    std::string operator()(const Drain& a) const { return "drain " + std::to_string(a.slot); }
    std::string operator()(const SetUsable& a) const {
        return "usable " + std::to_string(a.slot) + (a.usable ? " yes" : " no");
    }
    std::string operator()(const Notice&) const { return ""; }
};

class CoordinatorTest : public testing::Test {
  protected:
    std::string did() {
        std::string text;
        for (const Action& action : node.take_actions()) {
            const std::string word = std::visit(Words{}, action);
            if (!word.empty()) {
                text += (text.empty() ? "" : ", ") + word;
            }
        }
        return text;
    }
    /// Both uplinks attached and bound at time 0.
    void both_bound() {
        node.attachment(kWlan, whole("10.1.1.2"), {});
        node.attachment(kCellular, whole("10.64.0.2"), {});
        node.binding(kWlan, true, false, {});
        node.binding(kCellular, true, false, {});
        did();
    }

    Coordinator node{{{"wlan", 1}, {"cellular", 2}}, seconds(2)};
};

TEST_F(CoordinatorTest, FirstSightAttachesAtOnce) {
    node.attachment(kWlan, whole("10.1.1.2"), {});
    EXPECT_EQ(did(), "attach 0");
    EXPECT_FALSE(node.usable(kWlan));
    node.binding(kWlan, true, false, {});
    EXPECT_EQ(did(), "usable 0 yes");
}

TEST_F(CoordinatorTest, TheSameFactTwiceDoesNothing) {
    both_bound();
    node.attachment(kWlan, whole("10.1.1.2"), seconds(9));
    EXPECT_EQ(did(), "");
}

TEST_F(CoordinatorTest, ALossStopsUseBeforeAnythingElse) {
    both_bound();
    node.attachment(kWlan, without_link("10.1.1.2"), seconds(10));
    EXPECT_EQ(did(), "usable 0 no, detach 0");
    EXPECT_EQ(node.state(kWlan), State::down);
    EXPECT_EQ(node.reason(kWlan), "no link");
    EXPECT_TRUE(node.usable(kCellular));
}

TEST_F(CoordinatorTest, AReturnWaitsForHoldDown) {
    both_bound();
    node.attachment(kWlan, without_link("10.1.1.2"), seconds(10));
    node.attachment(kWlan, whole("10.1.1.2"), seconds(11));
    did();
    EXPECT_EQ(node.state(kWlan), State::hold_down);
    EXPECT_EQ(node.next_deadline(), Duration(seconds(13)));
    node.tick(milliseconds(12'999));
    EXPECT_EQ(did(), "");
    node.tick(seconds(13));
    EXPECT_EQ(did(), "attach 0");
}

TEST_F(CoordinatorTest, AFlappingLinkNeverComesBack) {
    both_bound();
    for (int i = 0; i < 50; ++i) {
        const seconds now(10 + i);
        node.attachment(kWlan, i % 2 == 0 ? without_link("10.1.1.2") : whole("10.1.1.2"), now);
        node.tick(now);
    }
    EXPECT_EQ(did(), "usable 0 no, detach 0");
}

TEST_F(CoordinatorTest, HoldDownIsSkippedWhenNothingElseIsLeft) {
    both_bound();
    node.attachment(kWlan, without_link("10.1.1.2"), seconds(10));
    node.attachment(kWlan, whole("10.1.1.2"), seconds(11));
    did();
    node.attachment(kCellular, without_link("10.64.0.2"), milliseconds(11'500));
    EXPECT_EQ(did(), "usable 1 no, detach 1, attach 0");
}

TEST_F(CoordinatorTest, ANewAddressMovesTheBinding) {
    both_bound();
    node.attachment(kWlan, whole("10.1.1.77"), seconds(10));
    EXPECT_EQ(did(), "usable 0 no, attach 0");
    node.binding(kWlan, true, false, seconds(10));
    EXPECT_EQ(did(), "usable 0 yes");
}

TEST_F(CoordinatorTest, AnotherGatewayOrMtuKeepsTheSocketInUse) {
    both_bound();
    uplinks::Attachment changed = whole("10.1.1.2", 1400);
    changed.gateway = wire::Ipv4Address::parse("10.1.1.1");
    node.attachment(kWlan, changed, seconds(10));
    EXPECT_EQ(did(), "renew 0");
    EXPECT_TRUE(node.usable(kWlan));
}

TEST_F(CoordinatorTest, DrainMovesFlowsFirstAndEndsWithTheBinding) {
    both_bound();
    node.request(kWlan, Request::drain, seconds(10));
    EXPECT_EQ(did(), "usable 0 no, drain 0");
    node.binding(kWlan, true, true, seconds(10));
    EXPECT_EQ(node.state(kWlan), State::draining);
    node.binding(kWlan, false, false, seconds(11));
    EXPECT_EQ(node.state(kWlan), State::down);
    EXPECT_EQ(node.reason(kWlan), "drained by the operator");
    // The link's own ups and downs do not bring it back.
    node.attachment(kWlan, without_link("10.1.1.2"), seconds(20));
    node.attachment(kWlan, whole("10.1.1.2"), seconds(21));
    node.tick(seconds(60));
    EXPECT_EQ(did(), "");
    node.request(kWlan, Request::up, seconds(61));
    EXPECT_EQ(did(), "attach 0");
}

TEST_F(CoordinatorTest, UpWhileDrainingTakesItBack) {
    both_bound();
    node.request(kWlan, Request::drain, seconds(10));
    did();
    node.request(kWlan, Request::up, seconds(10));
    EXPECT_EQ(did(), "attach 0");
    node.binding(kWlan, true, false, seconds(10));
    EXPECT_EQ(did(), "usable 0 yes");
}

TEST_F(CoordinatorTest, LinkLostWhileDraining) {
    both_bound();
    node.request(kWlan, Request::drain, seconds(10));
    did();
    node.attachment(kWlan, without_link("10.1.1.2"), seconds(10));
    EXPECT_EQ(did(), "detach 0");
    EXPECT_EQ(node.state(kWlan), State::down);
}

TEST_F(CoordinatorTest, DownKeepsReceiving) {
    both_bound();
    node.request(kWlan, Request::down, seconds(10));
    EXPECT_EQ(did(), "usable 0 no, detach 0 receiving");
}

TEST_F(CoordinatorTest, DownOfTheOnlyUplinkGivesItsBindingUpItself) {
    node.attachment(kWlan, whole("10.1.1.2"), {});
    node.binding(kWlan, true, false, {});
    did();
    node.request(kWlan, Request::down, seconds(1));
    EXPECT_EQ(did(), "usable 0 no, drain 0");
}

TEST_F(CoordinatorTest, ADeadPathStopsUseAndKeepsReceiving) {
    both_bound();
    node.path(kWlan, false, seconds(10));
    EXPECT_EQ(did(), "usable 0 no, detach 0 receiving");
    EXPECT_EQ(node.state(kWlan), State::silent);
    EXPECT_EQ(node.reason(kWlan), "the home agent does not answer by it");
}

TEST_F(CoordinatorTest, ADeadPathReturnsAfterHoldDownFromTheFirstAnswer) {
    both_bound();
    node.path(kWlan, false, seconds(10));
    node.path(kWlan, true, seconds(15));
    did();
    EXPECT_EQ(node.state(kWlan), State::hold_down);
    node.path(kWlan, false, seconds(16));
    EXPECT_EQ(node.state(kWlan), State::silent);
    node.path(kWlan, true, seconds(18));
    node.tick(milliseconds(19'999));
    EXPECT_EQ(did(), "");
    node.tick(seconds(20));
    EXPECT_EQ(did(), "attach 0");
}

TEST_F(CoordinatorTest, EachRelapseDoublesHoldDown) {
    both_bound();
    Duration now = seconds(100);
    for (const int wait : {2, 4, 8, 16, 32, 64, 64}) {
        node.path(kWlan, false, now);
        node.path(kWlan, true, now);
        EXPECT_EQ(node.next_deadline(), now + seconds(wait));
        now += seconds(wait);
        node.tick(now);
        node.binding(kWlan, true, false, now);
        now += seconds(1);
    }
    // Long enough alive, it starts anew.
    now += seconds(2000);
    node.path(kWlan, false, now);
    node.path(kWlan, true, now);
    EXPECT_EQ(node.next_deadline(), now + seconds(2));
}

TEST_F(CoordinatorTest, TheOnlyUsableUplinkIsKeptWhateverItsPath) {
    both_bound();
    node.attachment(kCellular, without_link("10.64.0.2"), seconds(9));
    did();
    node.path(kWlan, false, seconds(10));
    EXPECT_EQ(did(), "");
    EXPECT_TRUE(node.usable(kWlan));
    // Until another one can take over.
    node.attachment(kCellular, whole("10.64.0.2"), seconds(11));
    node.tick(seconds(13));
    EXPECT_EQ(did(), "attach 1");
    node.binding(kCellular, true, false, seconds(14));
    EXPECT_EQ(did(), "usable 1 yes, usable 0 no, detach 0 receiving");
}

TEST_F(CoordinatorTest, ASilentUplinkIsBetterThanNone) {
    both_bound();
    node.path(kWlan, false, seconds(10));
    did();
    node.attachment(kCellular, without_link("10.64.0.2"), seconds(11));
    EXPECT_EQ(did(), "usable 1 no, detach 1, attach 0");
}

TEST_F(CoordinatorTest, ASilentUplinkThatLosesItsLinkIsDetachedWhole) {
    both_bound();
    node.path(kWlan, false, seconds(10));
    did();
    node.attachment(kWlan, without_link("10.1.1.2"), seconds(11));
    EXPECT_EQ(did(), "detach 0");
    EXPECT_EQ(node.state(kWlan), State::down);
    // Another access network: nothing is known against it.
    node.attachment(kWlan, whole("10.9.9.2"), seconds(12));
    EXPECT_EQ(node.state(kWlan), State::hold_down);
}

TEST_F(CoordinatorTest, LeavesAnUplinkInOrderAndTakesItBackAfterHoldDown) {
    both_bound();
    node.decide({kWlan, Wish::leave, "its signal fell"}, seconds(10));
    EXPECT_EQ(did(), "usable 0 no, drain 0");
    EXPECT_EQ(node.state(kWlan), State::draining);
    EXPECT_EQ(node.reason(kWlan), "its signal fell");
    node.binding(kWlan, false, false, seconds(11));
    EXPECT_EQ(node.state(kWlan), State::down);
    node.tick(seconds(60));
    EXPECT_EQ(did(), "");
    node.decide({kWlan, Wish::use, "its signal is back"}, seconds(61));
    EXPECT_EQ(node.state(kWlan), State::hold_down);
    node.tick(seconds(63));
    EXPECT_EQ(did(), "attach 0");
}

TEST_F(CoordinatorTest, LeavesNothingBeforeAnotherUplinkIsRegistered) {
    node.attachment(kWlan, whole("10.1.1.2"), {});
    node.binding(kWlan, true, false, {});
    node.decide({kWlan, Wish::leave, "weak"}, seconds(1));
    did();
    EXPECT_TRUE(node.usable(kWlan));
    node.attachment(kCellular, whole("10.64.0.2"), seconds(2));
    EXPECT_EQ(did(), "attach 1");
    node.binding(kCellular, true, false, seconds(3));
    EXPECT_EQ(did(), "usable 1 yes, usable 0 no, drain 0");
}

TEST_F(CoordinatorTest, TwoUplinksToLeaveAreBothKept) {
    both_bound();
    node.decide({kWlan, Wish::leave, "weak"}, seconds(10));
    did();
    node.decide({kCellular, Wish::leave, "weak"}, seconds(10));
    EXPECT_EQ(did(), "");
    EXPECT_TRUE(node.usable(kCellular));
}

TEST_F(CoordinatorTest, AnUplinkThatWasLeftIsBetterThanNone) {
    both_bound();
    node.decide({kWlan, Wish::leave, "weak"}, seconds(10));
    did();
    node.attachment(kCellular, without_link("10.64.0.2"), milliseconds(10'100));
    EXPECT_EQ(did(), "usable 1 no, detach 1, attach 0");
}

TEST_F(CoordinatorTest, TheOperatorsWordStandsAboveADecision) {
    both_bound();
    node.decide({kWlan, Wish::leave, "weak"}, seconds(10));
    did();
    node.request(kWlan, Request::up, seconds(11));
    EXPECT_EQ(did(), "attach 0");
    node.binding(kWlan, true, false, seconds(11));
    node.request(kWlan, Request::down, seconds(12));
    did();
    node.decide({kWlan, Wish::use, "strong"}, seconds(13));
    node.tick(seconds(60));
    EXPECT_EQ(did(), "");
}

TEST_F(CoordinatorTest, TheMissingInterfaceIsNamed) {
    EXPECT_EQ(node.reason(kWlan), "no such interface");
    uplinks::Attachment bare;
    bare.index = 7;
    bare.running = true;
    node.attachment(kWlan, bare, {});
    EXPECT_EQ(node.reason(kWlan), "no IPv4 address");
    EXPECT_EQ(did(), "");
}

}  // namespace
}  // namespace homeward::handover
