#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "home_link.h"

/// The order of validity of docs/registration.md, a row each: the first failure decides, and says so by a code or a
/// counter. (A wrong UDP checksum is the kernel's to find: tests/netns/test_control.py.)
namespace homeward::registration {
namespace {

using mip::RegistrationRequest;
using mip::ReplyCode;

/// ---- Silence: nothing comes back, nothing changes, a counter tells.

struct SilentRow {
    const char* name;
    std::function<wire::Bytes(HomeLink&)> datagram;
    std::function<std::uint64_t(const Counters&)> counter;
};

template <class Reason>
std::function<std::uint64_t(const Counters&)> counted(Reason reason) {
    return [reason](const Counters& counters) { return counters.of(reason); };
}

wire::Bytes with_extension(HomeLink& link, const wire::Bytes& extension) {
    wire::Bytes bytes = mip::encode_unsigned(link.request());
    bytes.insert(bytes.end(), extension.begin(), extension.end());
    link.authenticator.sign(bytes);
    return bytes;
}

const SilentRow kSilent[] = {
    {"empty", [](HomeLink&) { return wire::Bytes{}; }, counted(mip::Unframed::wrong_type)},
    {"another_type", [](HomeLink&) { return wire::Bytes(40, 9); }, counted(Silent::not_a_request)},
    {"tunnel_data",
     [](HomeLink&) {
         return wire::Bytes{4, 4, 0, 0, 0x45};
     },
     counted(Silent::not_a_request)},
    {"shorter_than_the_fixed_part",
     [](HomeLink& link) {
         wire::Bytes bytes = mip::encode_unsigned(link.request());
         bytes.resize(23);
         return bytes;
     },
     counted(mip::Unframed::too_short)},
    {"extension_overruns",
     [](HomeLink& link) {
         wire::Bytes bytes = mip::encode(link.request(), link.authenticator);
         bytes.pop_back();
         return bytes;
     },
     counted(mip::Unframed::extension_overrun)},
    {"unknown_extension_that_must_not_be_skipped",
     [](HomeLink& link) {
         return with_extension(link, {50, 2, 0, 0});
     },
     counted(mip::Unframed::unknown_extension)},
    {"no_authentication", [](HomeLink& link) { return mip::encode_unsigned(link.request()); },
     counted(mip::Unframed::no_authentication)},
    {"two_authentications",
     [](HomeLink& link) {
         wire::Bytes bytes = mip::encode(link.request(), link.authenticator);
         link.authenticator.sign(bytes);
         return bytes;
     },
     counted(mip::Unframed::several_authentications)},
    {"unknown_nai",
     [](HomeLink& link) {
         RegistrationRequest request = link.request();
         request.nai = "nobody@ex";
         return mip::encode(request, link.authenticator);
     },
     counted(Silent::unknown_node)},
    {"unknown_home_address",
     [](HomeLink& link) {
         RegistrationRequest request = link.request();
         request.nai.reset();
         request.header.home_address = ip("10.10.0.99");
         return mip::encode(request, link.authenticator);
     },
     counted(Silent::unknown_node)},
    {"unknown_spi",
     [](HomeLink& link) {
         return mip::encode(link.request(), mip::Authenticator(257, mip::Algorithm::hmac_md5, kKey));
     },
     counted(Silent::unknown_spi)},
    {"wrong_key",
     [](HomeLink& link) {
         return mip::encode(link.request(), mip::Authenticator(256, mip::Algorithm::hmac_md5, wire::Bytes(16, 7)));
     },
     counted(Silent::wrong_authenticator)},
    {"right_key_other_algorithm",
     [](HomeLink& link) {
         return mip::encode(link.request(), mip::Authenticator(256, mip::Algorithm::hmac_sha256, kKey));
     },
     counted(Silent::wrong_authenticator)},
    {"one_bit_changed",
     [](HomeLink& link) {
         wire::Bytes bytes = mip::encode(link.request(), link.authenticator);
         bytes[12] = static_cast<std::uint8_t>(bytes[12] ^ 1);
         return bytes;
     },
     counted(Silent::wrong_authenticator)},
};

class SilentTest : public testing::TestWithParam<SilentRow> {};

TEST_P(SilentTest, DropsWithoutStateAndCounts) {
    HomeLink link;
    const std::uint64_t before = GetParam().counter(link.agent.counters());
    const auto saved_before = link.agent.saved(ip("10.10.0.5"))->replay_marks;
    EXPECT_FALSE(link.exchange(GetParam().datagram(link)));
    EXPECT_TRUE(link.raw_reply.empty());
    EXPECT_EQ(GetParam().counter(link.agent.counters()), before + 1);
    EXPECT_EQ(link.agent.binding_count(), 0U);
    EXPECT_TRUE(link.installs.empty());
    EXPECT_EQ(link.agent.saved(ip("10.10.0.5"))->replay_marks, saved_before);
}
INSTANTIATE_TEST_SUITE_P(Rows, SilentTest, testing::ValuesIn(kSilent),
                         [](const auto& row) { return std::string(row.param.name); });

/// ---- Denials: authentic requests, by the row that refuses them.

struct DeniedRow {
    const char* name;
    int code;
    std::function<void(config::HomeAgent&)> configure;
    std::function<void(HomeLink&, RegistrationRequest&)> change;
};

void nothing(config::HomeAgent&) {}

const DeniedRow kDenied[] = {
    {"clock_behind", 133, nothing,
     [](HomeLink& link, RegistrationRequest& r) {
         r.header.identification = mip::timestamp(link.now.unix - std::chrono::seconds(8), 0);
     }},
    {"clock_ahead", 133, nothing,
     [](HomeLink& link, RegistrationRequest& r) {
         r.header.identification = mip::timestamp(link.now.unix + std::chrono::seconds(8), 0);
     }},
    {"other_home_agent", 136, nothing,
     [](HomeLink&, RegistrationRequest& r) { r.header.home_agent = ip("192.0.2.9"); }},
    {"home_agent_unspecified", 136, nothing, [](HomeLink&, RegistrationRequest& r) { r.header.home_agent = {}; }},
    {"home_address_of_another_node", 129, nothing,
     [](HomeLink&, RegistrationRequest& r) { r.header.home_address = ip("10.10.0.6"); }},
    {"home_address_not_served", 129, nothing,
     [](HomeLink&, RegistrationRequest& r) { r.header.home_address = ip("198.51.100.1"); }},
    {"udp_tunnel_without_d", 134, nothing,
     [](HomeLink&, RegistrationRequest& r) { r.header.flags = mip::kReverseTunnel; }},
    {"bulk_and_overwrite", 134, nothing,
     [](HomeLink&, RegistrationRequest& r) {
         r.multipath = mip::Multipath{4, 1, 1, true, true};
     }},
    {"overwrite_without_lifetime", 134, nothing,
     [](HomeLink&, RegistrationRequest& r) {
         r.header.lifetime = 0;
         r.multipath = mip::Multipath{4, 1, 1, false, true};
     }},
    {"binding_id_0", 134, nothing,
     [](HomeLink&, RegistrationRequest& r) {
         r.multipath = mip::Multipath{4, 1, 0, false, false};
     }},
    {"binding_id_255", 134, nothing,
     [](HomeLink&, RegistrationRequest& r) {
         r.multipath = mip::Multipath{4, 1, 255, false, false};
     }},
    {"minimal_encapsulation", 139, nothing, [](HomeLink&, RegistrationRequest& r) { r.header.flags |= mip::kMinimal; }},
    {"gre", 139, nothing, [](HomeLink&, RegistrationRequest& r) { r.header.flags |= mip::kGre; }},
    {"udp_with_gre_inside", 142, nothing,
     [](HomeLink&, RegistrationRequest& r) { r.udp_tunnel->encapsulation = mip::kEncapsulationGre; }},
    {"reverse_tunnel_required", 138, [](config::HomeAgent& c) { c.registration.require_reverse_tunnel = true; },
     [](HomeLink&, RegistrationRequest& r) { r.header.flags = mip::kColocated; }},
    {"nat_but_traversal_is_off", 129, [](config::HomeAgent& c) { c.registration.nat_traversal = false; },
     [](HomeLink&, RegistrationRequest& r) { r.header.care_of = ip("192.168.1.50"); }},
    {"forced_but_not_permitted", 129, [](config::HomeAgent& c) { c.registration.forced_udp = false; },
     [](HomeLink&, RegistrationRequest&) {}},
    {"source_is_not_the_care_of_address_without_udp", 129, nothing,
     [](HomeLink&, RegistrationRequest& r) {
         r.header.care_of = ip("192.168.1.50");
         r.udp_tunnel.reset();
     }},
    {"no_udp_tunnel_asked_for", 139, nothing, [](HomeLink&, RegistrationRequest& r) { r.udp_tunnel.reset(); }},
    {"no_nat_and_not_forced", 139, nothing, [](HomeLink&, RegistrationRequest& r) { r.udp_tunnel->forced = false; }},
    {"multipath_is_off", 152, [](config::HomeAgent& c) { c.registration.multipath = false; },
     [](HomeLink&, RegistrationRequest& r) {
         r.multipath = mip::Multipath{4, 1, 1, false, false};
     }},
    {"flow_bindings_with_multipath_off", 152, [](config::HomeAgent& c) { c.registration.multipath = false; },
     [](HomeLink&, RegistrationRequest& r) {
         r.flow_bindings.push_back({mip::FlowBinding::Action::forward, {1}, {}});
     }},
    {"flow_binding_of_nobody", 153, nothing,
     [](HomeLink&, RegistrationRequest& r) {
         r.multipath = mip::Multipath{4, 1, 1, false, false};
         r.flow_bindings.push_back({mip::FlowBinding::Action::forward, {2, 3}, {}});
     }},
    {"too_many_bindings", 135, [](config::HomeAgent& c) { c.nodes[0].max_bindings = 0; },
     [](HomeLink&, RegistrationRequest&) {}},
    {"no_room_at_all", 130, [](config::HomeAgent& c) { c.registration.max_bindings = 0; },
     [](HomeLink&, RegistrationRequest&) {}},
    {"too_many_rules", 130, [](config::HomeAgent& c) { c.registration.max_rules_per_node = 2; },
     [](HomeLink&, RegistrationRequest& r) {
         r.multipath = mip::Multipath{4, 1, 1, false, false};
         r.flow_bindings.assign(3, {mip::FlowBinding::Action::forward, {1}, {}});
     }},
    {"pool_exhausted", 130, [](config::HomeAgent& c) { c.home_networks[0].pool.clear(); },
     [](HomeLink&, RegistrationRequest& r) {
         r.nai = "pool@ex";
         r.header.home_address = {};
     }},
    // Where two rows refuse, the earlier one answers.
    {"stale_before_malformed", 133, nothing,
     [](HomeLink& link, RegistrationRequest& r) {
         r.header.identification = mip::timestamp(link.now.unix - std::chrono::seconds(8), 0);
         r.header.flags = 0;
     }},
    {"unknown_home_agent_before_home_address", 136, nothing,
     [](HomeLink&, RegistrationRequest& r) {
         r.header.home_agent = {};
         r.header.home_address = ip("10.10.0.6");
     }},
    {"home_address_before_malformed", 129, nothing,
     [](HomeLink&, RegistrationRequest& r) {
         r.header.home_address = ip("10.10.0.6");
         r.header.flags = 0;
     }},
    {"malformed_before_encapsulation", 134, nothing,
     [](HomeLink&, RegistrationRequest& r) { r.header.flags = mip::kGre; }},
    {"encapsulation_before_reverse_tunnel", 142,
     [](config::HomeAgent& c) { c.registration.require_reverse_tunnel = true; },
     [](HomeLink&, RegistrationRequest& r) {
         r.header.flags = mip::kColocated;
         r.udp_tunnel->encapsulation = mip::kEncapsulationMinimal;
     }},
    {"nat_before_multipath", 129,
     [](config::HomeAgent& c) {
         c.registration.multipath = false;
         c.registration.forced_udp = false;
     },
     [](HomeLink&, RegistrationRequest& r) {
         r.multipath = mip::Multipath{4, 1, 1, false, false};
     }},
};

class DeniedTest : public testing::TestWithParam<DeniedRow> {};

TEST_P(DeniedTest, AnswersWithTheCodeAndChangesNothing) {
    config::HomeAgent config = configuration();
    GetParam().configure(config);
    HomeLink link(config);
    RegistrationRequest request = link.request();
    GetParam().change(link, request);
    const wire::Bytes bytes = mip::encode(request, link.authenticator);
    const auto reply = link.exchange(bytes);
    ASSERT_TRUE(reply);
    EXPECT_EQ(static_cast<int>(reply->header.code), GetParam().code);
    EXPECT_EQ(link.agent.counters().of(reply->header.code), 1U);
    EXPECT_EQ(reply->header.home_agent, ip("192.0.2.1"));
    EXPECT_EQ(reply->header.home_address, request.header.home_address);
    EXPECT_EQ(reply->header.identification.low(), request.header.identification.low());
    EXPECT_EQ(reply->header.identification == request.header.identification, GetParam().code != 133);
    EXPECT_EQ(reply->nai, request.nai);
    EXPECT_FALSE(reply->udp_tunnel);
    EXPECT_LE(link.raw_reply.size(), bytes.size());
    EXPECT_EQ(link.agent.binding_count(), 0U);
    EXPECT_TRUE(link.installs.empty());
    EXPECT_TRUE(link.announcements.empty());
}
INSTANTIATE_TEST_SUITE_P(Rows, DeniedTest, testing::ValuesIn(kDenied),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Validity, ABroadcastRequestIsToldOurAddress) {
    HomeLink link;
    const auto reply = link.exchange(mip::encode(link.request(), link.authenticator), true);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->header.code, ReplyCode::unknown_home_agent);
    EXPECT_EQ(reply->header.home_agent, ip("192.0.2.1"));
}

TEST(Validity, DuplicateMultipathIsMalformed) {
    HomeLink link;
    const wire::Bytes multipath{154, 1, 0, 4, 4, 1, 1, 0};
    wire::Bytes bytes = mip::encode_unsigned(link.request());
    bytes.insert(bytes.end(), multipath.begin(), multipath.end());
    bytes.insert(bytes.end(), multipath.begin(), multipath.end());
    link.authenticator.sign(bytes);
    EXPECT_EQ(link.exchange(bytes)->header.code, ReplyCode::poorly_formed);
    EXPECT_EQ(link.agent.counters().of(mip::Malformed::several_multipaths), 1U);
}

TEST(Validity, UnsupportedBroadcastsAreIgnoredNotRefused) {
    HomeLink link;
    RegistrationRequest request = link.request();
    request.header.flags |= mip::kBroadcast;
    EXPECT_EQ(link.code(request), 0);
}

TEST(Validity, ASkippableUnknownExtensionIsSkipped) {
    HomeLink link;
    EXPECT_EQ(link.exchange(with_extension(link, {200, 2, 0, 0}))->header.code, ReplyCode::accepted);
}

TEST(Validity, DeregistrationNeedsNoTunnel) {
    HomeLink link;
    ASSERT_EQ(link.code(link.request()), 0);
    RegistrationRequest leave = link.request(0);
    leave.udp_tunnel.reset();
    EXPECT_EQ(link.code(leave), 0);
    EXPECT_TRUE(link.bindings().empty());
}

TEST(Validity, AFailedAuthenticationIsAnsweredOnlyWhenAskedForAndNotWithoutEnd) {
    config::HomeAgent config = configuration();
    config.registration.answer_failed_authentication = true;
    config.registration.requests_per_source_per_s = 1000;
    HomeLink link(config);
    const mip::Authenticator wrong(256, mip::Algorithm::hmac_md5, wire::Bytes(16, 7));
    int answered = 0;
    for (int i = 0; i < 500; ++i) {
        const wire::Bytes bytes = mip::encode(link.request(), wrong);
        const auto reply = link.exchange(bytes);
        if (reply) {
            ++answered;
            EXPECT_EQ(reply->header.code, ReplyCode::authentication_failed);
            EXPECT_LE(link.raw_reply.size(), bytes.size());
        }
    }
    EXPECT_EQ(answered, 100);
    EXPECT_EQ(link.agent.counters().of(Silent::wrong_authenticator), 500U);
    EXPECT_EQ(link.code(link.request()), 0) << "what failed raised no mark";
}

}  // namespace
}  // namespace homeward::registration
