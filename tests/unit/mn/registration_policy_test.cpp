#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "policy/sync.h"
#include "registration_bench.h"

/// How the node's table reaches home agents that know the policy synchronisation, and others.
namespace homeward::mn::registration {
namespace {

using namespace std::chrono_literals;

constexpr std::uint32_t kOrganization = 32473;

policy::Policy table(std::uint32_t rules, std::uint32_t seed = 0) {
    policy::Policy result;
    for (std::uint32_t i = 0; i < rules; ++i) {
        policy::Rule rule;
        rule.correspondent = wire::Ipv4Prefix::of(wire::Ipv4Address{0x20000000U + (i << 8)}, 24);
        rule.uplinks = (i ^ seed) % 3 == 0 ? policy::LabelList{kCellular, kWlan} : policy::LabelList{kWlan, kCellular};
        result.rules.push_back(rule);
    }
    result.fallback = {kWlan, kCellular};
    return result;
}

/// A home agent that answers after a fixed time, with the real receiver of the policy synchronisation.
class SynchronisingPeer {
  public:
    SynchronisingPeer(Bench& bench, Duration round_trip) : bench_(bench), round_trip_(round_trip) {}

    void run(Duration time) {
        for (const Duration end = bench_.monotonic + time; bench_.monotonic < end;) {
            take();
            const Duration next = waiting_.empty() ? end : std::min(end, waiting_.front().at);
            bench_.pass(std::max(Duration{}, std::min(next - bench_.monotonic, Duration{1ms})));
            while (!waiting_.empty() && waiting_.front().at <= bench_.monotonic) {
                const Waiting due = waiting_.front();
                waiting_.pop_front();
                bench_.deliver(due.via, due.datagram);
            }
        }
    }

    std::optional<policy::Policy> applied;
    int lose_every = 0;

  private:
    struct Waiting {
        Duration at;
        Label via;
        wire::Bytes datagram;
    };

    void take() {
        for (; taken_ < bench_.requests.size(); ++taken_) {
            const SentRequest sent = bench_.requests[taken_];
            EXPECT_LE(sent.bytes, 1252U);
            if (lose_every != 0 && taken_ % static_cast<std::size_t>(lose_every) == 0) {
                continue;
            }
            mip::RegistrationReply reply = Bench::reply_to(sent);
            if (mip::has(sent.request.vendor, kOrganization, policy::kSyncVendorType)) {
                const wire::Bytes payload = mip::joined(sent.request.vendor, kOrganization, policy::kSyncVendorType);
                auto outcome = receiver_.request(payload, bench_.monotonic, {}, {});
                EXPECT_NE(outcome.verdict, policy::SyncReceiver::Verdict::malformed);
                if (outcome.table) {
                    applied = outcome.table->policy;
                    receiver_.in_force(outcome.table->generation, outcome.table->encoded);
                }
                mip::append_in_pieces(reply.vendor, kOrganization, policy::kSyncVendorType, receiver_.reply(1000));
            }
            waiting_.push_back({sent.at + round_trip_, sent.via, mip::encode(reply, bench_.authenticator)});
        }
    }

    Bench& bench_;
    Duration round_trip_;
    policy::SyncReceiver receiver_;
    std::deque<Waiting> waiting_;
    std::size_t taken_ = 0;
};

TEST(PolicyTransfer, OfASmallTableIsPartOfTheFirstRegistration) {
    Bench bench;
    SynchronisingPeer peer{bench, 40ms};
    bench.set_policy(table(10), 1);
    bench.up(kWlan);
    peer.run(50ms);
    EXPECT_EQ(peer.applied, table(10));
    EXPECT_EQ(bench.requests.size(), 1U);
    ASSERT_FALSE(bench.policies.empty());
    EXPECT_TRUE(bench.policies.back().synchronised);
    EXPECT_EQ(bench.policies.back().generation.version, 1U);
    EXPECT_TRUE(bench.happened(Event::Kind::policy_synchronised));
}

TEST(PolicyTransfer, IsNotRepeatedByAHandover) {
    Bench bench;
    SynchronisingPeer peer{bench, 40ms};
    bench.set_policy(table(10), 1);
    bench.up(kWlan);
    bench.up(kCellular);
    peer.run(200ms);
    const std::size_t first = bench.requests.size();
    bench.down(kWlan);
    peer.run(100ms);
    bench.up(kWlan);
    peer.run(100ms);
    ASSERT_EQ(bench.requests.size(), first + 2);
    for (std::size_t i = first; i < bench.requests.size(); ++i) {
        EXPECT_LT(bench.requests[i].bytes, 200U);
    }
}

TEST(PolicyTransfer, OfALargeTableTakesManyRequests) {
    Bench bench;
    SynchronisingPeer peer{bench, 40ms};
    bench.set_policy(table(20'000), 1);
    bench.up(kWlan);
    peer.run(5s);
    EXPECT_EQ(peer.applied, table(20'000));
    EXPECT_TRUE(bench.policies.back().synchronised);
    EXPECT_GT(bench.client.counters().policy_chunks_sent, 100U);
    const std::size_t requests = bench.requests.size();
    peer.run(10s);
    EXPECT_EQ(bench.requests.size(), requests);  // in force: nothing more to say
}

TEST(PolicyTransfer, SurvivesLoss) {
    Bench bench;
    SynchronisingPeer peer{bench, 40ms};
    bench.set_policy(table(20'000), 1);
    bench.up(kWlan);
    bench.up(kCellular);
    peer.run(200ms);
    peer.lose_every = 10;
    peer.run(20s);
    EXPECT_EQ(peer.applied, table(20'000));
    EXPECT_EQ(bench.state(kWlan), State::bound);
    EXPECT_EQ(bench.state(kCellular), State::bound);
}

TEST(PolicyTransfer, OfOneChangedRuleIsOneRoundTrip) {
    Bench bench;
    SynchronisingPeer peer{bench, 40ms};
    policy::Policy changed = table(20'000);
    bench.set_policy(changed, 1);
    bench.up(kWlan);
    peer.run(5s);
    ASSERT_TRUE(bench.policies.back().synchronised);
    const std::size_t first = bench.requests.size();
    changed.rules[777].uplinks = {kCellular};
    bench.set_policy(changed, 2);
    peer.run(60ms);
    EXPECT_EQ(peer.applied, changed);
    EXPECT_EQ(bench.requests.size(), first + 1);
    EXPECT_TRUE(bench.policies.back().synchronised);
    EXPECT_EQ(bench.policies.back().generation.version, 2U);
}

TEST(PolicyTransfer, DoesNotDelayTheRemovalOfALostUplink) {
    Bench bench;
    SynchronisingPeer peer{bench, 40ms};
    bench.set_policy(table(50'000), 1);
    bench.up(kWlan);
    bench.up(kCellular);
    peer.run(100ms);
    ASSERT_FALSE(bench.policies.back().synchronised);
    const std::size_t first = bench.requests.size();
    bench.down(kWlan);
    ASSERT_GT(bench.requests.size(), first);
    EXPECT_EQ(bench.requests[first].request.header.lifetime, 0);
    EXPECT_EQ(bench.requests[first].request.multipath->binding_id, kWlan);
    peer.run(20s);
    EXPECT_EQ(peer.applied, table(50'000));
}

// A home agent without our extension
// -----------------------------------------------------------------------------------

policy::Policy small_table() {
    policy::Policy result;
    result.rules.push_back({.correspondent = {wire::Ipv4Address{0xc6336400U}, 24},
                            .protocol = 17,
                            .ports = {5000, 5999},
                            .uplinks = {kCellular, kWlan}});
    result.rules.push_back({.correspondent = {wire::Ipv4Address{0xcb007100U}, 24}, .uplinks = {kCellular}});
    result.fallback = {kWlan, kCellular};
    return result;
}

TEST(FlowBindings, GoToHomeAgentsWithoutTheExtension) {
    Bench bench;
    bench.set_policy(small_table(), 1);
    bench.up(kWlan);
    EXPECT_TRUE(bench.last().request.flow_bindings.empty());
    bench.answer(SentRequest{bench.last()});
    bench.pass(1s);  // one request per second
    ASSERT_EQ(bench.requests.size(), 2U);
    const auto& flows = bench.last().request.flow_bindings;
    ASSERT_EQ(flows.size(), 3U);
    EXPECT_EQ(flows[0].binding_ids, std::vector<std::uint8_t>{kWlan});  // live ones only
    EXPECT_EQ(flows[0].selector.source,
              (mip::Range<wire::Ipv4Address>{wire::Ipv4Address{0xc6336400U}, wire::Ipv4Address{0xc63364ffU}}));
    EXPECT_EQ(flows[0].selector.source_port, (mip::Range<std::uint16_t>{5000, 5999}));
    EXPECT_EQ(flows[0].selector.protocol, mip::Range<std::uint8_t>::one(17));
    EXPECT_EQ(flows[1].action, mip::FlowBinding::Action::drop);
    EXPECT_EQ(flows[2].selector, mip::TrafficSelector{});
    bench.answer(SentRequest{bench.last()});
    bench.pass(10s);
    EXPECT_EQ(bench.requests.size(), 2U);

    bench.up(kCellular);
    const auto& again = bench.last().request.flow_bindings;
    ASSERT_EQ(again.size(), 3U);
    EXPECT_EQ(again[0].binding_ids, (std::vector<std::uint8_t>{kCellular, kWlan}));
    EXPECT_EQ(again[1].binding_ids, std::vector<std::uint8_t>{kCellular});
    bench.answer(SentRequest{bench.last()});
    bench.pass(10s);
    EXPECT_EQ(bench.requests.size(), 3U);

    bench.set_policy(table(5), 2);
    EXPECT_EQ(bench.last().request.flow_bindings.size(), 6U);
}

TEST(FlowBindings, RefusedOrTooManyAreNotSentAgain) {
    for (const bool too_many : {false, true}) {
        Bench bench;
        bench.set_policy(too_many ? table(100) : small_table(), 1);
        bench.up(kWlan);
        bench.answer(SentRequest{bench.last()});
        bench.pass(1s);
        EXPECT_EQ(bench.last().request.flow_bindings.empty(), too_many);
        bench.answer(SentRequest{bench.last()},
                     too_many ? mip::ReplyCode::accepted : mip::ReplyCode::invalid_binding_identifier);
        bench.pass(2s);
        EXPECT_TRUE(bench.last().request.flow_bindings.empty());
        bench.answer(SentRequest{bench.last()});
        EXPECT_EQ(bench.state(kWlan), State::bound);
    }
}

}  // namespace
}  // namespace homeward::mn::registration
