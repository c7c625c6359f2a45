// Agreeing to number tunnel packets: what a request asks for, what the home agent is configured to, what it answers and
// tells the data plane.
#include <gtest/gtest.h>

#include "home_link.h"
#include "mip/numbering.h"

namespace homeward::registration {
namespace {

constexpr std::uint32_t kOrganization = 32473;

config::HomeAgent agreeing(bool agrees = true) {
    config::HomeAgent config = configuration();
    config.registration.sequence_numbers = agrees;
    return config;
}

mip::RegistrationRequest asking(HomeLink& link, const wire::Bytes& payload, std::uint32_t organization = kOrganization,
                                std::uint16_t lifetime = 60) {
    mip::RegistrationRequest request = link.with_binding(1, lifetime);
    mip::append_in_pieces(request.vendor, organization, mip::Numbering::kVendorType, payload);
    return request;
}

struct Row {
    const char* name;
    wire::Bytes asked;
    bool configured = true;
    std::uint32_t organization = kOrganization;
    std::optional<mip::Numbering> agreed{};
};
void PrintTo(const Row& row, std::ostream* out) {
    *out << row.name;
}
class Agreement : public testing::TestWithParam<Row> {};

TEST_P(Agreement, Row) {
    HomeLink link{agreeing(GetParam().configured)};
    const auto reply = link.exchange(asking(link, GetParam().asked, GetParam().organization));
    ASSERT_TRUE(reply && mip::accepted(reply->header.code));
    EXPECT_EQ(mip::decode_numbering(mip::joined(reply->vendor, kOrganization, mip::Numbering::kVendorType)),
              GetParam().agreed);
    EXPECT_EQ(mip::has(reply->vendor, kOrganization, mip::Numbering::kVendorType), GetParam().agreed.has_value());
    ASSERT_EQ(link.installs.size(), 1U);
    EXPECT_EQ(link.installs[0].next.numbering, GetParam().agreed);
}

const Row kRows[] = {
    {.name = "both_want_it", .asked = {1, 0, 0x12, 0x34}, .agreed = mip::Numbering{0x1234, false}},
    {.name = "everything", .asked = {1, 0x80, 0, 7}, .agreed = mip::Numbering{7, true}},
    {.name = "flags_of_the_future", .asked = {1, 0xc1, 0, 7}, .agreed = mip::Numbering{7, true}},
    {.name = "not_configured_here", .asked = {1, 0, 0x12, 0x34}, .configured = false},
    {.name = "another_organisation", .asked = {1, 0, 0x12, 0x34}, .organization = 9},
    {.name = "a_later_format", .asked = {2, 0, 0x12, 0x34}},
    {.name = "too_short", .asked = {1, 0, 0x12}},
    {.name = "too_long", .asked = {1, 0, 0x12, 0x34, 0}},
    {.name = "empty", .asked = {}},
};
INSTANTIATE_TEST_SUITE_P(Numbering, Agreement, testing::ValuesIn(kRows),
                         [](const auto& row) { return row.param.name; });

const wire::Bytes kAsked{1, 0, 0, 7};

TEST(Numbering, ARenewalThatAsksTheSameInstallsNothing) {
    HomeLink link{agreeing()};
    link.exchange(asking(link, kAsked));
    const auto reply = link.exchange(asking(link, kAsked));
    EXPECT_EQ(link.installs.size(), 1U);
    EXPECT_TRUE(mip::has(reply->vendor, kOrganization, mip::Numbering::kVendorType));
}

TEST(Numbering, AnotherRunIsInstalled) {
    HomeLink link{agreeing()};
    link.exchange(asking(link, kAsked));
    link.exchange(asking(link, {1, 0, 0, 8}));
    ASSERT_EQ(link.installs.size(), 2U);
    EXPECT_EQ(link.installs[1].next.numbering, (mip::Numbering{8, false}));
}

TEST(Numbering, ARegistrationThatDoesNotAskEndsIt) {
    HomeLink link{agreeing()};
    link.exchange(asking(link, kAsked));
    link.exchange(link.with_binding(1));
    ASSERT_EQ(link.installs.size(), 2U);
    EXPECT_EQ(link.installs[1].next.numbering, std::nullopt);
}

TEST(Numbering, RemovingOneOfTwoBindingsLeavesItRemovingTheLastEndsIt) {
    HomeLink link{agreeing()};
    link.exchange(asking(link, kAsked));
    link.source.port = 5000;
    mip::RegistrationRequest second = asking(link, kAsked);
    second.multipath->binding_id = second.multipath->label = 2;
    link.exchange(second);
    link.exchange(link.with_binding(2, 0));
    ASSERT_EQ(link.installs.size(), 3U);
    EXPECT_EQ(link.installs[2].next.numbering, (mip::Numbering{7, false}));
    link.exchange(link.with_binding(1, 0));
    EXPECT_EQ(link.installs.back().next.numbering, std::nullopt);
}

TEST(Numbering, IsInWhatTheStoreKeeps) {
    HomeLink link{agreeing()};
    link.exchange(asking(link, kAsked));
    const auto saved = link.agent.saved(ip("10.10.0.5"));
    ASSERT_TRUE(saved);
    EXPECT_EQ(saved->state.numbering, (mip::Numbering{7, false}));
}

}  // namespace
}  // namespace homeward::registration
