#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "home_link.h"
#include "policy/sync.h"
#include "policy/table.h"

/// What acceptable requests do to a node's bindings, and what happens between a request and its reply.
namespace homeward::registration {
namespace {

using mip::RegistrationRequest;
using mip::ReplyCode;
using namespace std::chrono_literals;

RegistrationRequest plain(HomeLink& link, std::uint16_t lifetime, const char* care_of, std::uint8_t more_flags = 0) {
    link.source.address = ip(care_of);
    RegistrationRequest request = link.request(lifetime);
    request.header.flags |= more_flags;
    return request;
}

RegistrationRequest multipath(HomeLink& link, std::uint16_t lifetime, std::uint8_t id, bool bulk = false,
                              bool overwrite = false) {
    RegistrationRequest request = link.with_binding(id, lifetime);
    request.multipath->bulk = bulk;
    request.multipath->overwrite = overwrite;
    return request;
}

struct Row {
    const char* name;
    std::vector<std::function<RegistrationRequest(HomeLink&)>> requests;
    int last_code;
    std::string binding_ids;
    std::size_t installs;  ///< how many of them the data plane was asked for
};

#define REQUEST(expression) [](HomeLink& link) { return expression; }

const Row kRows[] = {
    {"one", {REQUEST(plain(link, 60, "203.0.113.7"))}, 0, "0", 1},
    {"renewal_is_not_installed",
     {REQUEST(plain(link, 60, "203.0.113.7")), REQUEST(plain(link, 60, "203.0.113.7"))},
     0,
     "0",
     1},
    {"another_care_of_address_replaces",
     {REQUEST(plain(link, 60, "203.0.113.7")), REQUEST(plain(link, 60, "203.0.113.8"))},
     0,
     "0",
     2},
    {"simultaneous_is_accepted_as_the_only_one",
     {REQUEST(plain(link, 60, "203.0.113.7")), REQUEST(plain(link, 60, "203.0.113.8", mip::kSimultaneous))},
     1,
     "0",
     2},
    {"home_again_ends_all",
     {REQUEST(multipath(link, 60, 1)), REQUEST(multipath(link, 60, 2)), REQUEST(plain(link, 0, "10.10.0.5"))},
     0,
     "",
     3},
    {"lifetime_0_ends_that_care_of_address",
     {REQUEST(plain(link, 60, "203.0.113.7")), REQUEST(plain(link, 0, "203.0.113.7"))},
     0,
     "",
     2},
    {"lifetime_0_of_an_unknown_care_of_address_changes_nothing",
     {REQUEST(plain(link, 60, "203.0.113.7")), REQUEST(plain(link, 0, "203.0.113.9"))},
     0,
     "0",
     1},
    {"two_bindings", {REQUEST(multipath(link, 60, 2)), REQUEST(multipath(link, 60, 1))}, 0, "1,2", 2},
    {"deregister_one_over_the_other",
     {REQUEST(multipath(link, 60, 1)), REQUEST(multipath(link, 60, 2)), REQUEST(multipath(link, 0, 1))},
     0,
     "2",
     3},
    {"deregister_what_is_not_there", {REQUEST(multipath(link, 60, 1)), REQUEST(multipath(link, 0, 5))}, 0, "1", 1},
    {"bulk_deregistration",
     {REQUEST(multipath(link, 60, 1)), REQUEST(multipath(link, 60, 2)), REQUEST(multipath(link, 0, 1, true))},
     0,
     "",
     3},
    {"bulk_refresh_is_a_renewal",
     {REQUEST(multipath(link, 60, 1)), REQUEST(multipath(link, 60, 2)), REQUEST(multipath(link, 90, 2, true))},
     0,
     "1,2",
     2},
    {"overwrite_leaves_no_other",
     {REQUEST(multipath(link, 60, 1)), REQUEST(multipath(link, 60, 2)), REQUEST(multipath(link, 60, 3, false, true))},
     0,
     "3",
     3},
    {"multipath_ends_a_plain_binding",
     {REQUEST(plain(link, 60, "203.0.113.7")), REQUEST(multipath(link, 60, 1))},
     0,
     "1",
     2},
    {"plain_ends_multipath",
     {REQUEST(multipath(link, 60, 1)), REQUEST(multipath(link, 60, 2)), REQUEST(plain(link, 60, "203.0.113.7"))},
     0,
     "0",
     3},
    {"multipath_ignores_s",
     {REQUEST(multipath(link, 60, 1)),
      [](HomeLink& link) {
          RegistrationRequest request = multipath(link, 60, 2);
          request.header.flags |= mip::kSimultaneous;
          return request;
      }},
     0,
     "1,2",
     2},
};
#undef REQUEST

class BindingRows : public testing::TestWithParam<Row> {};

TEST_P(BindingRows, Leave) {
    HomeLink link;
    int code = -1;
    for (const auto& make : GetParam().requests) {
        link.pass(1s);
        code = link.code(make(link));
    }
    EXPECT_EQ(code, GetParam().last_code);
    EXPECT_EQ(link.binding_ids(), GetParam().binding_ids);
    EXPECT_EQ(link.installs.size(), GetParam().installs);
    EXPECT_EQ(link.agent.binding_count(), link.bindings().size());
}
INSTANTIATE_TEST_SUITE_P(Rows, BindingRows, testing::ValuesIn(kRows),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Binding, BulkRefreshMovesEveryLifetime) {
    HomeLink link;
    ASSERT_EQ(link.code(multipath(link, 60, 1)), 0);
    ASSERT_EQ(link.code(multipath(link, 60, 2)), 0);
    link.pass(30s);
    ASSERT_EQ(link.code(multipath(link, 90, 2, true)), 0);
    for (const Binding& binding : link.bindings()) {
        EXPECT_EQ(binding.expires, link.now.steady + 90s);
    }
}

TEST(Binding, EachExpiresForItself) {
    HomeLink link;
    ASSERT_EQ(link.code(multipath(link, 30, 1)), 0);
    ASSERT_EQ(link.code(multipath(link, 60, 2)), 0);
    EXPECT_EQ(link.agent.next_expiry(), link.now.steady + 30s);
    link.pass(30s);
    link.take(link.agent.expire(link.now));
    EXPECT_EQ(link.binding_ids(), "2");
    link.pass(30s);
    link.take(link.agent.expire(link.now));
    EXPECT_EQ(link.binding_ids(), "");
    EXPECT_EQ(link.published.size(), 2U);
    EXPECT_EQ(link.agent.counters().of(Event::expired), 2U);
    EXPECT_FALSE(link.agent.next_expiry());
    EXPECT_EQ(link.announcements.size(), 1U) << "whose MAC is unknown is not announced";
}

TEST(Binding, LifetimeIsNeverIncreasedAndAtMostOurs) {
    HomeLink link;
    EXPECT_EQ(link.exchange(link.request(10))->header.lifetime, 10);
    EXPECT_EQ(link.exchange(link.request(mip::kInfiniteLifetime))->header.lifetime, 600);
}

TEST(Binding, BehindNatTheTunnelEndsAtTheSource) {
    HomeLink link;
    RegistrationRequest request = link.request();
    request.header.care_of = ip("192.168.1.50");
    request.udp_tunnel->forced = false;
    const auto reply = link.exchange(request);
    ASSERT_EQ(reply->header.code, ReplyCode::accepted);
    ASSERT_TRUE(reply->udp_tunnel);
    EXPECT_TRUE(reply->udp_tunnel->assents());
    EXPECT_FALSE(reply->udp_tunnel->forced);
    EXPECT_EQ(reply->udp_tunnel->keepalive_s, 25);
    ASSERT_EQ(link.bindings().size(), 1U);
    EXPECT_EQ(link.bindings()[0].tunnel, link.source);
    EXPECT_EQ(link.bindings()[0].registered_care_of, ip("192.168.1.50"));
    // Deregistration names the registered address, from wherever.
    link.source = {ip("203.0.113.9"), 5000};
    RegistrationRequest leave = link.request(0);
    leave.header.care_of = ip("192.168.1.50");
    EXPECT_EQ(link.code(leave), 0);
    EXPECT_TRUE(link.bindings().empty());
}

TEST(Binding, TwoNatsMayHandOutTheSameAddress) {
    HomeLink link;
    RegistrationRequest request = link.with_binding(1);
    request.header.care_of = ip("192.168.1.50");
    ASSERT_EQ(link.code(request), 0);
    link.source = {ip("198.51.100.7"), 4000};
    request = link.with_binding(2);
    request.header.care_of = ip("192.168.1.50");
    ASSERT_EQ(link.code(request), 0);
    EXPECT_EQ(link.binding_ids(), "1,2");
}

TEST(Binding, AnnouncesTheFirstAndTheReturnHome) {
    HomeLink link;
    ASSERT_EQ(link.code(multipath(link, 60, 1)), 0);
    ASSERT_EQ(link.code(multipath(link, 60, 2)), 0);
    ASSERT_EQ(link.announcements.size(), 1U);
    EXPECT_TRUE(link.announcements[0].away);
    link.source.address = ip("10.10.0.5");
    ASSERT_EQ(link.code(link.request(0)), 0);
    ASSERT_EQ(link.announcements.size(), 2U);
    EXPECT_FALSE(link.announcements[1].away);
}

TEST(Binding, LeavingFromAfarIsNotAnnounced) {
    HomeLink link;
    ASSERT_EQ(link.code(link.request()), 0);
    ASSERT_EQ(link.code(link.request(0)), 0);
    EXPECT_EQ(link.announcements.size(), 1U);
}

TEST(Binding, AddressFromThePoolIsStableAndOneEach) {
    config::HomeAgent config = configuration();
    config.nodes.push_back(configured_node("other@ex", ""));
    config.nodes.push_back(configured_node("third@ex", ""));
    HomeLink link(config);
    const auto ask = [&link](const char* nai, const char* wanted) {
        RegistrationRequest request = link.request();
        request.nai = nai;
        request.header.home_address = *wanted == 0 ? wire::Ipv4Address{} : ip(wanted);
        return *link.exchange(request);
    };
    const auto first = ask("pool@ex", "");
    EXPECT_EQ(first.header.code, ReplyCode::accepted);
    EXPECT_EQ(first.header.home_address, ip("10.10.9.1"));
    EXPECT_EQ(ask("pool@ex", "").header.home_address, ip("10.10.9.1"));
    EXPECT_EQ(ask("pool@ex", "10.10.9.1").header.code, ReplyCode::accepted);
    EXPECT_EQ(ask("pool@ex", "10.10.9.2").header.code, ReplyCode::administratively_prohibited);
    EXPECT_EQ(ask("other@ex", "10.10.9.1").header.code, ReplyCode::administratively_prohibited);
    EXPECT_EQ(ask("other@ex", "").header.home_address, ip("10.10.9.2"));
    EXPECT_EQ(ask("third@ex", "").header.code, ReplyCode::insufficient_resources);
}

TEST(Binding, TheReplyWaitsForTheDataPlane) {
    HomeLink link;
    link.confirm = false;
    const wire::Bytes bytes = mip::encode(link.request(), link.authenticator);
    EXPECT_FALSE(link.exchange(bytes));
    EXPECT_TRUE(link.bindings().empty());
    EXPECT_FALSE(link.exchange(bytes)) << "the same again adds nothing";
    EXPECT_EQ(link.agent.counters().of(Silent::duplicate_in_progress), 1U);
    ASSERT_EQ(link.installs.size(), 1U);
    link.take(link.agent.installed(link.installs[0].ticket, link.now));
    EXPECT_EQ(link.decoded()->header.code, ReplyCode::accepted);
    EXPECT_EQ(link.bindings().size(), 1U);
    EXPECT_EQ(link.saves, 1U) << "stored before the reply";
}

TEST(Binding, WhatTheDataPlaneDoesNotConfirmIs130AndNotInForce) {
    HomeLink link;
    ASSERT_EQ(link.code(link.with_binding(1)), 0);
    link.confirm = false;
    ASSERT_EQ(link.code(link.with_binding(2)), -1);
    link.take(link.agent.not_installed(link.installs.back().ticket, link.now));
    EXPECT_EQ(link.decoded()->header.code, ReplyCode::insufficient_resources);
    EXPECT_EQ(link.binding_ids(), "1");
    EXPECT_EQ(link.published.size(), 1U) << "the data plane is told the old state again";
    link.take(link.agent.installed(link.installs.back().ticket, link.now));
    EXPECT_EQ(link.binding_ids(), "1") << "a late confirmation has no effect";
}

TEST(Binding, RequestsOfOneNodeWaitForEachOther) {
    HomeLink link;
    link.confirm = false;
    link.exchange(link.with_binding(1));
    link.exchange(link.with_binding(2));
    ASSERT_EQ(link.installs.size(), 1U);
    link.take(link.agent.installed(link.installs[0].ticket, link.now));
    ASSERT_EQ(link.installs.size(), 2U);
    EXPECT_EQ(link.installs[1].next.bindings.size(), 2U) << "decided on what the first one left";
    link.take(link.agent.installed(link.installs[1].ticket, link.now));
    EXPECT_EQ(link.binding_ids(), "1,2");
    EXPECT_EQ(link.all_replies.size(), 2U);
}

TEST(Binding, ABoundedNumberWaits) {
    HomeLink link;
    link.confirm = false;
    for (int i = 0; i < 30; ++i) {
        link.exchange(link.with_binding(1));
    }
    EXPECT_EQ(link.agent.counters().of(Silent::queue_full), 30U - 1 - 16);
}

TEST(Binding, ARenewalIsStoredAtMostFourTimesPerLifetime) {
    HomeLink link;
    ASSERT_EQ(link.code(link.request(60)), 0);
    ASSERT_EQ(link.saves, 1U);
    for (int i = 0; i < 100; ++i) {
        link.pass(10ms);
        ASSERT_EQ(link.code(link.request(60)), 0);
    }
    EXPECT_EQ(link.saves, 1U);
    link.pass(15s);
    ASSERT_EQ(link.code(link.request(60)), 0);
    EXPECT_EQ(link.saves, 2U);
}

TEST(Binding, NoncesWorkFromTheFirstRefusalOn) {
    config::HomeAgent config = configuration();
    config.nodes[0].associations[0].replay = config::Replay::nonce;
    HomeLink link(config);
    RegistrationRequest request = link.request();
    request.header.identification = mip::Identification::of(0, 1);
    const auto refusal = link.exchange(request);
    ASSERT_EQ(refusal->header.code, ReplyCode::identification_mismatch);
    request.header.identification = mip::Identification::of(refusal->header.identification.high(), 2);
    const wire::Bytes good = mip::encode(request, link.authenticator);
    const auto accepted = link.exchange(good);
    ASSERT_EQ(accepted->header.code, ReplyCode::accepted);
    EXPECT_NE(accepted->header.identification.high(), refusal->header.identification.high());
    EXPECT_EQ(link.exchange(good)->header.identification, accepted->header.identification) << "a retransmission";
    request.header.identification = mip::Identification::of(accepted->header.identification.high(), 3);
    EXPECT_EQ(link.code(request), 0);
}

TEST(Binding, FlowBindingsReplaceTheTableAndDieWithTheLastBinding) {
    HomeLink link;
    ASSERT_EQ(link.code(link.with_binding(1)), 0);
    RegistrationRequest request = link.with_binding(2);
    mip::TrafficSelector selector;
    selector.source = {ip("198.51.100.0"), ip("198.51.100.255")};
    request.flow_bindings.push_back({mip::FlowBinding::Action::forward, {2, 1}, selector});
    ASSERT_EQ(link.code(request), 0);
    const PolicyRef first = link.agent.view(ip("10.10.0.5"))->policy;
    ASSERT_TRUE(first);
    EXPECT_EQ(first->source, PolicySource::flow_bindings);
    EXPECT_EQ(policy::decode(*first->bytes)->fallback, (policy::LabelList{1, 2}));
    EXPECT_EQ(link.installs.back().policy, first);
    ASSERT_EQ(link.code(link.with_binding(1)), 0);
    EXPECT_EQ(link.agent.view(ip("10.10.0.5"))->policy, first) << "a request without flow bindings leaves the table";
    ASSERT_EQ(link.code(multipath(link, 0, 1)), 0);
    EXPECT_EQ(policy::decode(*link.agent.view(ip("10.10.0.5"))->policy->bytes)->fallback, (policy::LabelList{2}));
    ASSERT_EQ(link.code(multipath(link, 0, 2)), 0);
    EXPECT_FALSE(link.agent.view(ip("10.10.0.5"))->policy);
}

TEST(Binding, TheNodesTableGoesBeforeTheConfiguredOne) {
    config::HomeAgent config = configuration();
    config.nodes[0].policy.emplace();
    config.nodes[0].policy->policy.fallback = {2, 1};
    HomeLink link(config);
    ASSERT_EQ(link.code(link.with_binding(1)), 0);
    EXPECT_EQ(link.agent.view(ip("10.10.0.5"))->policy->source, PolicySource::home_agent);
    RegistrationRequest request = link.with_binding(1);
    request.flow_bindings.push_back({mip::FlowBinding::Action::forward, {1}, {}});
    ASSERT_EQ(link.code(request), 0);
    EXPECT_EQ(link.agent.view(ip("10.10.0.5"))->policy->source, PolicySource::flow_bindings);
}

TEST(Binding, RestoredStateIsTheOneThatWasSaved) {
    HomeLink link;
    ASSERT_EQ(link.code(multipath(link, 30, 1)), 0);
    const wire::Bytes last = mip::encode(multipath(link, 60, 2), link.authenticator);
    ASSERT_TRUE(link.exchange(last));
    const auto saved = link.agent.saved(ip("10.10.0.5"));
    ASSERT_TRUE(saved);
    HomeLink again;
    again.now = link.now;
    again.pass(31s);
    ASSERT_TRUE(again.agent.restore(*saved, again.now));
    EXPECT_EQ(again.binding_ids(), "2");
    EXPECT_EQ(again.agent.next_expiry(), link.now.steady + 60s);
    EXPECT_EQ(again.exchange(last)->header.code, ReplyCode::identification_mismatch);
    SavedNode unknown = *saved;
    unknown.home_address = ip("10.10.0.99");
    EXPECT_FALSE(again.agent.restore(unknown, again.now));
}

struct ReloadRow {
    const char* name;
    std::function<void(config::HomeAgent&)> change;
    std::string binding_ids;
    int renewal_code;
};
const ReloadRow kReloads[] = {
    {"nothing", [](config::HomeAgent&) {}, "1", 0},
    {"node_gone", [](config::HomeAgent& c) { c.nodes.erase(c.nodes.begin()); }, "", -1},
    {"key_changed", [](config::HomeAgent& c) { c.nodes[0].associations[0].key[0] = 9; }, "1", -1},
    {"home_network_gone",
     [](config::HomeAgent& c) { c.home_networks[0].prefix = *wire::Ipv4Prefix::parse("10.11.0.0/16"); }, "", 0},
    {"home_address_moved", [](config::HomeAgent& c) { c.nodes[0].home_address = ip("10.10.0.50"); }, "", 129},
    {"multipath_off", [](config::HomeAgent& c) { c.registration.multipath = false; }, "1", 152},
};
class ReloadRows : public testing::TestWithParam<ReloadRow> {};

TEST_P(ReloadRows, Apply) {
    HomeLink link;
    ASSERT_EQ(link.code(link.with_binding(1)), 0);
    config::HomeAgent config = configuration();
    GetParam().change(config);
    link.take(link.agent.configure(config));
    EXPECT_EQ(link.binding_ids(), GetParam().binding_ids);
    EXPECT_EQ(link.agent.binding_count(), link.bindings().size());
    EXPECT_EQ(link.published.size(), GetParam().binding_ids.empty() ? 1U : 0U);
    if (std::string(GetParam().name) != "home_network_gone") {
        EXPECT_EQ(link.code(link.with_binding(1)), GetParam().renewal_code);
    }
}
INSTANTIATE_TEST_SUITE_P(Rows, ReloadRows, testing::ValuesIn(kReloads),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Reload, MarksOutliveANodeThatWasTakenOutForAWhile) {
    HomeLink link;
    const wire::Bytes bytes = mip::encode(link.request(), link.authenticator);
    ASSERT_TRUE(link.exchange(bytes));
    config::HomeAgent without = configuration();
    without.nodes.erase(without.nodes.begin());
    link.take(link.agent.configure(without));
    link.take(link.agent.configure(configuration()));
    EXPECT_EQ(link.exchange(bytes)->header.code, ReplyCode::identification_mismatch);
}

TEST(Reload, EndsWhatIsPendingForANodeThatIsGone) {
    HomeLink link;
    link.confirm = false;
    link.exchange(link.request());
    config::HomeAgent without = configuration();
    without.nodes.erase(without.nodes.begin());
    const Actions actions = link.agent.configure(without);
    EXPECT_EQ(actions.cancelled, std::vector<std::uint64_t>{link.installs[0].ticket});
    EXPECT_TRUE(link.agent.installed(link.installs[0].ticket, link.now).replies.empty());
}

}  // namespace
}  // namespace homeward::registration
