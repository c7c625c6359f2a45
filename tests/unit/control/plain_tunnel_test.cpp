// IP in IP without UDP (RFC 2003), as RFC 3519 §4 has it where there is no NAT: who gets it, what the reply says, what
// the data plane is told.
#include <gtest/gtest.h>

#include "home_link.h"
#include "mip/numbering.h"

namespace homeward::registration {
namespace {

config::HomeAgent allowing(bool allows = true) {
    config::HomeAgent config = configuration();
    config.registration.ip_in_ip = allows;
    config.registration.sequence_numbers = true;
    return config;
}

struct Row {
    const char* name;
    void (*change)(mip::RegistrationRequest&);
    bool plain = true;
    bool allowed = true;
    int code = 0;
};
void PrintTo(const Row& row, std::ostream* out) {
    *out << row.name;
}
class PlainTunnel : public testing::TestWithParam<Row> {};

TEST_P(PlainTunnel, Row) {
    HomeLink link{allowing(GetParam().allowed)};
    mip::RegistrationRequest request = link.request();
    GetParam().change(request);
    const auto reply = link.exchange(request);
    ASSERT_TRUE(reply);
    ASSERT_EQ(static_cast<int>(reply->header.code), GetParam().code);
    if (GetParam().code != 0) {
        EXPECT_TRUE(link.installs.empty());
        return;
    }
    EXPECT_EQ(reply->udp_tunnel.has_value(), request.udp_tunnel.has_value());
    if (reply->udp_tunnel) {
        EXPECT_EQ(reply->udp_tunnel->assents(), !GetParam().plain);
    }
    ASSERT_EQ(link.bindings().size(), 1U);
    EXPECT_EQ(link.bindings()[0].tunnel.address, link.source.address);
    EXPECT_EQ(link.bindings()[0].tunnel.port, GetParam().plain ? Endpoint::kNoUdp : link.source.port);
}

const Row kRows[] = {
    {"not_forced", [](mip::RegistrationRequest& r) { r.udp_tunnel->forced = false; }},
    {"not_asked_for", [](mip::RegistrationRequest& r) { r.udp_tunnel.reset(); }},
    {"forced", [](mip::RegistrationRequest&) {}, false},
    {"behind_a_nat",
     [](mip::RegistrationRequest& r) {
         r.udp_tunnel->forced = false;
         r.header.care_of = ip("192.168.1.50");
     },
     false},
    {"behind_a_nat_and_not_asked_for",
     [](mip::RegistrationRequest& r) {
         r.udp_tunnel.reset();
         r.header.care_of = ip("192.168.1.50");
     },
     false, true, 129},
    {"not_allowed_here", [](mip::RegistrationRequest& r) { r.udp_tunnel->forced = false; }, true, false, 139},
};
INSTANTIATE_TEST_SUITE_P(Rows, PlainTunnel, testing::ValuesIn(kRows), [](const auto& row) { return row.param.name; });

TEST(PlainTunnel, HasNoNumbers) {
    HomeLink link{allowing()};
    mip::RegistrationRequest request = link.request();
    request.udp_tunnel->forced = false;
    mip::append_in_pieces(request.vendor, 32473, mip::Numbering::kVendorType, wire::Bytes{1, 0, 0, 7});
    const auto reply = link.exchange(request);
    ASSERT_TRUE(reply && mip::accepted(reply->header.code));
    EXPECT_FALSE(mip::has(reply->vendor, 32473, mip::Numbering::kVendorType));
    EXPECT_EQ(link.installs.at(0).next.numbering, std::nullopt);
}

/// The node finds that nothing comes through, and forces UDP with its next registration.
TEST(PlainTunnel, ChangesWithTheNextRegistration) {
    HomeLink link{allowing()};
    mip::RegistrationRequest request = link.with_binding(1);
    request.udp_tunnel->forced = false;
    link.exchange(request);
    link.exchange(link.with_binding(1));
    ASSERT_EQ(link.installs.size(), 2U);
    EXPECT_EQ(link.installs[0].next.bindings[0].tunnel.port, Endpoint::kNoUdp);
    EXPECT_EQ(link.installs[1].next.bindings[0].tunnel, link.source);
}

TEST(PlainTunnel, IsRemovedAsAnyOther) {
    HomeLink link{allowing()};
    mip::RegistrationRequest request = link.request();
    request.udp_tunnel->forced = false;
    link.exchange(request);
    mip::RegistrationRequest removal = link.request(0);
    removal.udp_tunnel->forced = false;
    const auto reply = link.exchange(removal);
    ASSERT_TRUE(reply && mip::accepted(reply->header.code));
    EXPECT_TRUE(link.bindings().empty());
}

}  // namespace
}  // namespace homeward::registration
