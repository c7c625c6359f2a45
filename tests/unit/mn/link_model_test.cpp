#include "uplinks/link_model.h"

#include <gtest/gtest.h>

#include <variant>
#include <vector>

namespace homeward::uplinks {
namespace {

wire::Ipv4Address ip(const char* text) {
    return *wire::Ipv4Address::parse(text);
}

using Fact = std::variant<LinkChange, AddressChange, GatewayChange>;

LinkChange link(int index, const char* name, bool running, std::uint32_t mtu = 1500) {
    return {index, name, running, false, mtu, false};
}
AddressChange address(int index, const char* text, bool removed = false) {
    return {index, {ip(text), 24}, removed};
}
GatewayChange gateway(int index, const char* text, std::uint32_t metric, bool removed = false) {
    return {index, ip(text), metric, 254, removed};
}

struct Row {
    const char* name;
    std::vector<Fact> facts;
    bool usable;
    const char* address;
    const char* gateway;
};

LinkModel model_of(const std::vector<Fact>& facts) {
    LinkModel model;
    for (const Fact& fact : facts) {
        std::visit([&](const auto& one) { model.apply(one); }, fact);
    }
    return model;
}

class LinkModelRow : public testing::TestWithParam<Row> {};

TEST_P(LinkModelRow, GivesTheAttachment) {
    const Row& row = GetParam();
    const Attachment got = model_of(row.facts).attachment("wlan0");
    EXPECT_EQ(got.usable(), row.usable);
    EXPECT_EQ(got.address ? got.address->address.to_string() : "", row.address);
    EXPECT_EQ(got.gateway ? got.gateway->to_string() : "", row.gateway);
}

INSTANTIATE_TEST_SUITE_P(
    Rows, LinkModelRow,
    testing::Values(
        Row{"Nothing", {}, false, "", ""}, Row{"NoAddress", {link(3, "wlan0", true)}, false, "", ""},
        Row{"NoLink", {link(3, "wlan0", false), address(3, "10.0.0.2")}, false, "10.0.0.2", ""},
        Row{"Whole",
            {link(3, "wlan0", true), address(3, "10.0.0.2"), gateway(3, "10.0.0.1", 100)},
            true,
            "10.0.0.2",
            "10.0.0.1"},
        Row{"AddressBeforeLink", {address(3, "10.0.0.2"), link(3, "wlan0", true)}, true, "10.0.0.2", ""},
        Row{"AnotherInterface", {link(4, "rmnet0", true), address(4, "10.0.0.2")}, false, "", ""},
        Row{"SecondAddressWaits",
            {link(3, "wlan0", true), address(3, "10.0.0.2"), address(3, "10.0.0.3")},
            true,
            "10.0.0.2",
            ""},
        Row{"SecondAddressFollows",
            {link(3, "wlan0", true), address(3, "10.0.0.2"), address(3, "10.0.0.3"), address(3, "10.0.0.2", true)},
            true,
            "10.0.0.3",
            ""},
        Row{"LowestMetric",
            {link(3, "wlan0", true), gateway(3, "10.0.0.254", 600), gateway(3, "10.0.0.1", 100)},
            false,
            "",
            "10.0.0.1"},
        Row{"GatewayGone",
            {link(3, "wlan0", true), gateway(3, "10.0.0.1", 100), gateway(3, "10.0.0.1", 100, true)},
            false,
            "",
            ""},
        Row{"Renamed", {link(3, "eth9", true), address(3, "10.0.0.2"), link(3, "wlan0", true)}, true, "10.0.0.2", ""},
        Row{"Removed",
            {link(3, "wlan0", true), address(3, "10.0.0.2"), LinkChange{3, "wlan0", false, false, 0, true}},
            false,
            "",
            ""}),
    [](const auto& row) { return row.param.name; });

TEST(LinkModel, ARenewedLeaseChangesNothing) {
    LinkModel model = model_of({link(3, "wlan0", true), address(3, "10.0.0.2"), gateway(3, "10.0.0.1", 100)});
    const Attachment before = model.attachment("wlan0");
    model.apply(address(3, "10.0.0.2"));
    model.apply(gateway(3, "10.0.0.1", 100));
    model.apply(link(3, "wlan0", true));
    EXPECT_EQ(model.attachment("wlan0"), before);
    // The one removal that a lease's end brings must not leave a second copy behind.
    model.apply(address(3, "10.0.0.2", true));
    EXPECT_FALSE(model.attachment("wlan0").usable());
}

}  // namespace
}  // namespace homeward::uplinks
