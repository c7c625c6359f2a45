#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "home_link.h"

/// What an attacker may send to the control plane, and what it must come to.
namespace homeward::registration {
namespace {

using mip::RegistrationRequest;
using mip::ReplyCode;

TEST(Attack, ExactReplayFromTheSameSourceGetsTheCachedReplyAndExtendsNothing) {
    HomeLink link;
    const wire::Bytes bytes = mip::encode(link.request(60), link.authenticator);
    ASSERT_EQ(link.exchange(bytes)->header.lifetime, 60);
    const auto expires = link.bindings()[0].expires;
    link.pass(std::chrono::seconds(5));
    const auto again = link.exchange(bytes);
    ASSERT_TRUE(again);
    EXPECT_EQ(again->header.code, ReplyCode::accepted);
    EXPECT_EQ(again->header.lifetime, 55);
    EXPECT_EQ(link.bindings()[0].expires, expires);
    EXPECT_EQ(link.agent.counters().of(Event::duplicates), 1U);
    EXPECT_EQ(link.installs.size(), 1U);
}

TEST(Attack, ReplayFromAnotherSourceIs133AndTheEndpointStays) {
    HomeLink link;
    const wire::Bytes bytes = mip::encode(link.request(), link.authenticator);
    ASSERT_TRUE(link.exchange(bytes));
    const Endpoint before = link.bindings()[0].tunnel;
    for (const Endpoint& from : {Endpoint{ip("198.51.100.66"), 4000}, Endpoint{before.address, 4001}}) {
        link.source = from;
        const auto reply = link.exchange(bytes);
        ASSERT_TRUE(reply);
        EXPECT_EQ(reply->header.code, ReplyCode::identification_mismatch);
        EXPECT_EQ(link.bindings()[0].tunnel, before);
        EXPECT_LE(link.raw_reply.size(), bytes.size());
    }
}

TEST(Attack, AnOldRequestIsStaleThoughItsBindingIsGone) {
    HomeLink link;
    const wire::Bytes registration = mip::encode(link.request(), link.authenticator);
    ASSERT_EQ(link.exchange(registration)->header.code, ReplyCode::accepted);
    ASSERT_EQ(link.code(link.request(0)), 0);
    EXPECT_EQ(link.exchange(registration)->header.code, ReplyCode::identification_mismatch);
    EXPECT_TRUE(link.bindings().empty());
}

TEST(Attack, ADeniedRequestRaisesTheMarkToo) {
    HomeLink link;
    RegistrationRequest denied = link.request();
    denied.header.flags |= mip::kGre;
    const wire::Bytes bytes = mip::encode(denied, link.authenticator);
    ASSERT_EQ(link.exchange(bytes)->header.code, ReplyCode::encapsulation_unavailable);
    EXPECT_EQ(link.exchange(bytes)->header.code, ReplyCode::identification_mismatch);
}

TEST(Attack, MultipathAfterTheAuthenticatorHasNoEffect) {
    HomeLink link;
    wire::Bytes bytes = mip::encode(link.request(), link.authenticator);
    const wire::Bytes multipath{154, 1, 0, 4, 4, 1, 9, 0};
    bytes.insert(bytes.end(), multipath.begin(), multipath.end());
    ASSERT_EQ(link.exchange(bytes)->header.code, ReplyCode::accepted);
    EXPECT_EQ(link.bindings()[0].binding_id, 0);
}

TEST(Attack, UdpTunnelRequestAfterTheAuthenticatorIs134) {
    HomeLink link;
    wire::Bytes bytes = mip::encode(link.request(), link.authenticator);
    const wire::Bytes tunnel{144, 6, 0, 0, 0x80, 4, 0, 0};
    bytes.insert(bytes.end(), tunnel.begin(), tunnel.end());
    EXPECT_EQ(link.exchange(bytes)->header.code, ReplyCode::poorly_formed);
}

TEST(Attack, NoReplyIsLongerThanItsRequest) {
    HomeLink link;
    for (const bool nat : {false, true}) {
        for (const std::uint16_t lifetime : {std::uint16_t{60}, std::uint16_t{0}}) {
            RegistrationRequest request = link.request(lifetime);
            request.header.care_of = nat ? ip("192.168.1.5") : request.header.care_of;
            const wire::Bytes bytes = mip::encode(request, link.authenticator);
            ASSERT_TRUE(link.exchange(bytes));
            EXPECT_LE(link.raw_reply.size(), bytes.size());
        }
    }
}

TEST(Attack, ManyBindingIdsEndAt135) {
    HomeLink link;
    for (int id = 1; id <= 8; ++id) {
        ASSERT_EQ(link.code(link.with_binding(static_cast<std::uint8_t>(id))), 0);
    }
    EXPECT_EQ(link.code(link.with_binding(9)), 135);
    EXPECT_EQ(link.bindings().size(), 8U);
    EXPECT_EQ(link.code(link.with_binding(8)), 0) << "a renewal is not one more";
}

struct CareOfRow {
    const char* name;
    const char* care_of;
    const char* source;  ///< "": the care-of address
};
const CareOfRow kCareOf[] = {
    {"home_address", "10.10.0.5", ""},
    {"another_served_home_address", "10.10.0.6", ""},
    {"home_agent", "192.0.2.1", ""},
    {"limited_broadcast", "255.255.255.255", ""},
    {"multicast", "224.0.0.5", ""},
    {"zero", "0.0.0.0", ""},
    {"loopback", "127.0.0.1", ""},
    {"effective_is_another_served_home_address", "192.168.1.5", "10.10.0.6"},
    {"effective_is_the_home_address", "192.168.1.5", "10.10.0.5"},
    {"effective_is_the_home_agent", "192.168.1.5", "192.0.2.1"},
    {"effective_is_loopback", "192.168.1.5", "127.0.0.1"},
    {"multicast_behind_nat", "224.0.0.5", "203.0.113.7"},
    {"zero_behind_nat", "0.0.0.0", "203.0.113.7"},
};
class CareOfTest : public testing::TestWithParam<CareOfRow> {};

TEST_P(CareOfTest, Is129) {
    HomeLink link;
    const bool direct = *GetParam().source == 0;
    link.source.address = ip(direct ? GetParam().care_of : GetParam().source);
    RegistrationRequest request = link.request();
    request.header.care_of = ip(GetParam().care_of);
    EXPECT_EQ(link.code(request), 129);
    EXPECT_TRUE(link.bindings().empty());
}
INSTANTIATE_TEST_SUITE_P(Rows, CareOfTest, testing::ValuesIn(kCareOf),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Attack, AFakeFloodIsCutOffBeforeTheMacButAuthenticRequestsAreNot) {
    config::HomeAgent config = configuration();
    config.registration.requests_per_source_per_s = 50;
    HomeLink link(config);
    for (int i = 0; i < 500; ++i) {
        ASSERT_EQ(link.code(link.request()), 0) << "authentic, " << i;
    }
    const mip::Authenticator wrong(256, mip::Algorithm::hmac_md5, wire::Bytes(16, 7));
    for (int i = 0; i < 500; ++i) {
        link.exchange(mip::encode(link.request(), wrong));
    }
    EXPECT_LE(link.agent.counters().of(Silent::wrong_authenticator), 51U);
    EXPECT_GE(link.agent.counters().of(Silent::rate_limited), 449U);
    link.source.address = ip("203.0.113.8");
    EXPECT_EQ(link.code(link.request()), 0) << "another source is not punished";
    link.source.address = ip("203.0.113.7");
    link.pass(std::chrono::seconds(1));
    EXPECT_EQ(link.code(link.request()), 0) << "and the first one not for ever";
}

TEST(Attack, ReplaysAreLimitedLikeForgeries) {
    config::HomeAgent config = configuration();
    config.registration.requests_per_source_per_s = 50;
    HomeLink link(config);
    const wire::Bytes old = mip::encode(link.request(), link.authenticator);
    ASSERT_TRUE(link.exchange(old));
    ASSERT_EQ(link.code(link.request()), 0);
    link.source.address = ip("198.51.100.66");
    int answered = 0;
    for (int i = 0; i < 500; ++i) {
        answered += link.exchange(old) ? 1 : 0;
    }
    EXPECT_LE(answered, 51);
}

TEST(Attack, FlowBindingsAreTakenAllOrNone) {
    HomeLink link;
    ASSERT_EQ(link.code(link.with_binding(1)), 0);
    RegistrationRequest good = link.with_binding(1);
    good.flow_bindings.push_back({mip::FlowBinding::Action::forward, {1}, {}});
    ASSERT_EQ(link.code(good), 0);
    const PolicyRef before = link.agent.view(ip("10.10.0.5"))->policy;
    RegistrationRequest bad = link.with_binding(1);
    bad.flow_bindings.push_back({mip::FlowBinding::Action::drop, {}, {}});
    bad.flow_bindings.push_back({mip::FlowBinding::Action::forward, {7}, {}});
    EXPECT_EQ(link.code(bad), 153);
    EXPECT_EQ(link.agent.view(ip("10.10.0.5"))->policy, before);
}

TEST(Attack, OverlappingConditionsBeyondTheTablesLimitAreRefusedWhole) {
    HomeLink link;
    RegistrationRequest request = link.with_binding(1);
    for (std::uint16_t port = 1; port <= 9; ++port) {
        mip::TrafficSelector selector;
        selector.source_port = mip::Range<std::uint16_t>::one(port);
        request.flow_bindings.push_back({mip::FlowBinding::Action::forward, {1}, selector});
    }
    EXPECT_EQ(link.code(request), 130);
    EXPECT_TRUE(link.bindings().empty());
}

}  // namespace
}  // namespace homeward::registration
