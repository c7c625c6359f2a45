#include <gtest/gtest.h>

#include "tables/tables.h"

namespace homeward::tables {
namespace {

using wire::Ipv4Address;
using wire::Ipv4Prefix;

constexpr std::uint32_t kHome = 0x0a010005;  // 10.1.0.5

Ipv4Prefix prefix(const char* text) {
    return *Ipv4Prefix::parse(text);
}

ipc::Uplink uplink(std::uint32_t care_of, std::uint16_t port, std::uint8_t label, std::uint8_t id,
                   std::uint16_t mtu = 0) {
    return {care_of, port, label, id, ipc::kUplinkUp, 0, mtu};
}

ipc::Binding binding(std::initializer_list<ipc::Uplink> uplinks, std::uint32_t home = kHome) {
    ipc::Binding record{.home_address = home};
    for (const ipc::Uplink& one : uplinks) {
        record.uplinks[record.uplink_count++] = one;
    }
    return record;
}

policy::Table table() {
    return std::move(policy::Table::compile({.rules = {}, .fallback = {1}})).value();
}

class BindingsTest : public testing::Test {
  protected:
    BindingsTest() {
        tables.set_settings({.home_agent = 0x0a000001});
        EXPECT_TRUE(tables.put_home_network(prefix("10.1.0.0/16"), 0).ok());
    }
    const Binding* slot(std::uint32_t home = kHome) const {
        return tables.directory().reader().slot(Ipv4Address{home});
    }

    Tables tables{1};
};

TEST_F(BindingsTest, FoundByIndex) {
    EXPECT_EQ(slot(), nullptr);
    ASSERT_TRUE(tables.put_binding(binding({uplink(0xac100102, 434, 1, 11)})).ok());
    ASSERT_NE(slot(), nullptr);
    EXPECT_TRUE(slot()->bound());
    EXPECT_FALSE(slot(kHome + 1)->bound());
    EXPECT_EQ(slot(kHome + BindingPage::kBindings), nullptr) << "its page was never needed";
    EXPECT_EQ(slot(0x0b010005), nullptr) << "nor any of its first octet";
    const Directory::Reader reader = tables.directory().reader();
    EXPECT_EQ(reader.home_slot(Ipv4Address{kHome}), slot());
    EXPECT_TRUE(Directory::Reader::has_page(slot()));
    EXPECT_FALSE(Directory::Reader::has_page(reader.home_slot(Ipv4Address{kHome + BindingPage::kBindings})));
    EXPECT_FALSE(Directory::Reader::has_page(reader.home_slot(Ipv4Address{0xffffffff})));
    EXPECT_EQ(tables.bindings(), 1U);
    EXPECT_TRUE(tables.remove_binding(Ipv4Address{kHome}));
    EXPECT_FALSE(tables.remove_binding(Ipv4Address{kHome}));
    EXPECT_FALSE(slot()->bound());
    EXPECT_EQ(tables.bindings(), 0U);
}

/// Nobody outside has the home agent's address, whatever the routes say.
TEST_F(BindingsTest, TheHomeAgentsAddressIsClaimed) {
    const auto foreign = [this](std::uint32_t address) {
        return tables.routes().reader().foreign(wire::be32{address});
    };
    EXPECT_FALSE(foreign(0x0a000001));
    EXPECT_TRUE(foreign(0xc0000201));
    for (int i = 0; i < 2; ++i) {  // the same again
        tables.set_settings({.home_agent = 0xc0000201});
        EXPECT_TRUE(foreign(0x0a000001));
        EXPECT_FALSE(foreign(0xc0000201));
    }
}

/// Half of an installation, or of a removal, must not look like a node without a policy.
TEST_F(BindingsTest, WhatIsNotBoundHasAPolicyThatNamesNothing) {
    ASSERT_TRUE(tables.put_binding(binding({uplink(0xac100102, 434, 1, 11)})).ok());
    EXPECT_EQ(slot()->policy.load(), nullptr);
    EXPECT_EQ(slot(kHome + 1)->policy.load(), &closed_policy());
    tables.remove_binding(Ipv4Address{kHome});
    EXPECT_EQ(slot()->policy.load(), &closed_policy());
    EXPECT_TRUE(closed_policy().table.lookup({.correspondent = Ipv4Address{1U << 28}}).uplinks.empty());
}

TEST_F(BindingsTest, AnUplinkKeepsItsSlot) {
    ASSERT_TRUE(tables.put_binding(binding({uplink(1U << 28, 1, 1, 11), uplink(2U << 28, 2, 2, 12)})).ok());
    const std::uint32_t before = slot()->order.load();
    ASSERT_TRUE(tables.put_binding(binding({uplink(2U << 28, 2, 2, 12), uplink(3U << 28, 9, 1, 11)})).ok());
    const std::uint32_t after = slot()->order.load();
    EXPECT_EQ(Binding::slot(before, 0), Binding::slot(after, 1));
    EXPECT_EQ(Binding::slot(before, 1), Binding::slot(after, 0));
    EXPECT_EQ(slot()->uplink(Binding::slot(after, 1)).care_of(), 3U << 28);
}

TEST_F(BindingsTest, EightUplinksReplacedByEightOthers) {
    ipc::Binding record{.home_address = kHome, .uplink_count = 8};
    for (std::uint8_t i = 0; i < 8; ++i) {
        record.uplinks[i] =
            uplink(0x0b000000U + i, 434, static_cast<std::uint8_t>(i + 1), static_cast<std::uint8_t>(i + 1));
    }
    ASSERT_TRUE(tables.put_binding(record).ok());
    for (std::uint8_t i = 0; i < 8; ++i) {
        record.uplinks[i].binding_id = static_cast<std::uint8_t>(100 + i);
    }
    ASSERT_TRUE(tables.put_binding(record).ok());
    const std::uint32_t order = slot()->order.load();
    ASSERT_EQ(Binding::count(order), 8U);
    for (unsigned i = 0; i < 8; ++i) {
        EXPECT_EQ(slot()->uplink(Binding::slot(order, i)).care_of(), 0x0b000000U + i);
    }
}

TEST_F(BindingsTest, AnUplinkWithoutUdpKeepsTheNodeOffTheExpressLane) {
    ASSERT_TRUE(tables.put_binding(binding({uplink(1U << 28, 434, 1, 11), uplink(2U << 28, 0, 2, 12)})).ok());
    const std::uint32_t order = slot()->order.load();
    EXPECT_NE(order & Binding::kPlain, 0U);
    EXPECT_FALSE(slot()->uplink(Binding::slot(order, 0)).plain());
    EXPECT_TRUE(slot()->uplink(Binding::slot(order, 1)).plain());
    ASSERT_TRUE(tables.put_binding(binding({uplink(1U << 28, 434, 1, 11), uplink(2U << 28, 1, 2, 12)})).ok());
    EXPECT_EQ(slot()->order.load() & Binding::kPlain, 0U);
}

TEST_F(BindingsTest, Refusals) {
    const ipc::Binding rows[] = {
        binding({}),
        binding({uplink(0, 434, 1, 1)}),
        binding({uplink(0x7f000001, 434, 1, 1)}),
        binding({uplink(0xe0000001, 434, 1, 1)}),
        binding({uplink(kHome, 434, 1, 1)}),
        binding({uplink(1U << 28, 434, 1, 1), uplink(1U << 28, 435, 2, 1)}),
        binding({uplink(1U << 28, 434, 1, 1), uplink(1U << 28, 434, 2, 2)}),
        binding({uplink(1U << 28, 434, 1, 1)}, 0x0b000001),
        {.home_address = kHome, .policy = 77, .uplink_count = 1, .uplinks = {uplink(1U << 28, 434, 1, 1)}},
        {.home_address = kHome, .uplink_count = 9},
    };
    for (const ipc::Binding& row : rows) {
        EXPECT_FALSE(tables.put_binding(row).ok());
    }
    EXPECT_EQ(tables.bindings(), 0U);
}

TEST_F(BindingsTest, PathMtuIsSoftState) {
    ASSERT_TRUE(tables.put_binding(binding({uplink(1U << 28, 1, 1, 11), uplink(2U << 28, 2, 2, 12, 1400)})).ok());
    const auto mtu = [&](unsigned position) { return slot()->mtu(Binding::slot(slot()->order.load(), position)); };
    EXPECT_EQ(mtu(0), 1468);
    EXPECT_EQ(slot()->clamp_mtu.load(), 1400);
    EXPECT_FALSE(tables.lower_path_mtu(9U << 28, 1, 1000, 0)) << "no uplink has this tuple";
    EXPECT_TRUE(tables.lower_path_mtu(1U << 28, 1, 1300, 0));
    EXPECT_EQ(mtu(0), 1300);
    EXPECT_EQ(slot()->clamp_mtu.load(), 1300);
    EXPECT_TRUE(tables.lower_path_mtu(1U << 28, 1, 1350, 100)) << "never raises, and does not prolong";
    EXPECT_EQ(mtu(0), 1300);
    EXPECT_TRUE(tables.lower_path_mtu(2U << 28, 2, 68, 0));
    EXPECT_EQ(mtu(1), 576) << "floor";
    tables.expire(599);
    EXPECT_EQ(mtu(0), 1300);
    tables.expire(600);
    EXPECT_EQ(mtu(0), 1468);
    EXPECT_EQ(mtu(1), 1400);
    tables.set_settings({.home_agent = 0x0a000001, .tunnel_mtu = 1300});
    EXPECT_EQ(mtu(0), 1300);
    EXPECT_EQ(mtu(1), 1400);
}

TEST_F(BindingsTest, NestedHomeNetworksShareWhatIsBound) {
    ASSERT_TRUE(tables.put_binding(binding({uplink(1U << 28, 1, 1, 1)})).ok());
    ASSERT_TRUE(tables.put_home_network(prefix("10.1.0.0/28"), 3).ok());
    EXPECT_EQ(tables.shared().home_network(Ipv4Address{kHome})->port, 3);
    EXPECT_TRUE(slot()->bound());
    ASSERT_TRUE(tables.remove_home_network(prefix("10.1.0.0/28")).ok());
    EXPECT_TRUE(slot()->bound()) << "the wider network still covers it";
    ASSERT_TRUE(tables.remove_home_network(prefix("10.1.0.0/16")).ok());
    EXPECT_EQ(tables.bindings(), 0U);
    EXPECT_FALSE(tables.remove_home_network(prefix("10.1.0.0/16")).ok());
}

TEST_F(BindingsTest, HomeNetworksAreLimited) {
    EXPECT_FALSE(tables.put_home_network(prefix("16.0.0.0/7"), 0).ok());
    for (std::uint32_t i = 1; i < kMaxHomeNetworks; ++i) {
        ASSERT_TRUE(tables.put_home_network(Ipv4Prefix::of(Ipv4Address{0x14000000U + (i << 8)}, 24), 0).ok());
    }
    EXPECT_FALSE(tables.put_home_network(prefix("30.0.0.0/24"), 0).ok());
    EXPECT_EQ(tables.shared().home_network_count, kMaxHomeNetworks);
}

TEST_F(BindingsTest, SynchronisationRemovesWhatWasNotNamed) {
    tables.put_policy(1, table());
    tables.put_policy(2, table());
    ASSERT_TRUE(tables.put_home_network(prefix("10.2.0.0/24"), 0).ok());
    ASSERT_TRUE(tables.put_binding(binding({uplink(1U << 28, 1, 1, 1)})).ok());
    ASSERT_TRUE(tables.put_binding(binding({uplink(1U << 28, 2, 1, 1)}, kHome + 1)).ok());
    tables.begin_sync();
    ASSERT_TRUE(tables.put_home_network(prefix("10.1.0.0/16"), 0).ok());
    tables.put_policy(2, table());
    ASSERT_TRUE(tables.put_binding(binding({uplink(1U << 28, 2, 1, 1)}, kHome + 1)).ok());
    EXPECT_TRUE(slot()->bound()) << "nothing goes before the end";
    tables.end_sync();
    EXPECT_FALSE(slot()->bound());
    EXPECT_TRUE(slot(kHome + 1)->bound());
    EXPECT_EQ(tables.policies(), 1U);
    EXPECT_EQ(tables.shared().home_network_count, 1U);
    tables.begin_sync();
    tables.abort_sync();
    tables.end_sync();
    EXPECT_TRUE(slot(kHome + 1)->bound()) << "a replay that broke off removes nothing";
}

TEST_F(BindingsTest, APolicyLivesAsLongAsABindingUsesIt) {
    tables.put_policy(1, table());
    auto record = binding({uplink(1U << 28, 1, 1, 1)});
    record.policy = 1;
    ASSERT_TRUE(tables.put_binding(record).ok());
    const Policy* first = slot()->policy.load();
    tables.put_policy(1, table());
    tables.reclaim();
    EXPECT_EQ(slot()->policy.load(), first);
    EXPECT_EQ(first->table.lookup({}).uplinks.size(), 1U) << "still there";
    ASSERT_TRUE(tables.put_binding(record).ok());
    EXPECT_NE(slot()->policy.load(), first);
    EXPECT_TRUE(tables.remove_policy(1).ok());
    EXPECT_FALSE(tables.remove_policy(1).ok());
}

TEST(Bindings, ManyStayWithinTheirBudget) {
    constexpr std::uint32_t kCount = 100'000;
    Tables tables{1};
    ASSERT_TRUE(tables.put_home_network(prefix("10.0.0.0/8"), 0).ok());
    for (std::uint32_t i = 0; i < kCount; ++i) {
        ASSERT_TRUE(tables
                        .put_binding(binding({uplink(0x20000000U + i, 434, 1, 1), uplink(0x30000000U + i, 434, 2, 2)},
                                             0x0a000000U + i))
                        .ok());
    }
    // The directory of a /8 weighs 2 MB however many bindings there are; it is spread over the million.
    EXPECT_LE((tables.memory_bytes() - (2U << 20)) / kCount + (2U << 20) / 1'000'000, 320U);
}

}  // namespace
}  // namespace homeward::tables
