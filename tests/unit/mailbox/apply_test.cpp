#include "mailbox/apply.h"

#include <gtest/gtest.h>

#include <cstring>

#include "policy/generation.h"

namespace homeward::mailbox {
namespace {

using wire::Ipv4Address;

constexpr std::uint32_t kHome = 0x9e840a0c;  // 158.132.10.12
constexpr tables::MacAddress kPortMac = {2, 0, 0, 0, 0, 0xa1};

template <class Record>
wire::Bytes message(ipc::Type type, std::initializer_list<Record> records, wire::ByteView tail = {}) {
    ipc::Header header{.type = type, .count = static_cast<std::uint16_t>(records.size())};
    wire::Bytes bytes(sizeof header);
    std::memcpy(bytes.data(), &header, sizeof header);
    for (const Record& record : records) {
        const auto* first = reinterpret_cast<const std::uint8_t*>(&record);
        bytes.insert(bytes.end(), first, first + sizeof record);
    }
    bytes.insert(bytes.end(), tail.begin(), tail.end());
    return bytes;
}

wire::Bytes mark(ipc::Type type) {
    return message<ipc::Header>(type, {});
}

ipc::HomeNetwork network(const char* port = "home") {
    ipc::HomeNetwork record{.network = kHome & 0xffffff00, .length = 24};
    std::strncpy(record.port.data(), port, record.port.size());
    return record;
}

ipc::Binding node(std::uint32_t policy = 0, std::uint32_t home = kHome) {
    ipc::Binding record{.home_address = home, .policy = policy, .uplink_count = 1};
    record.uplinks[0] = {0xac100102, 434, 1, 1, ipc::kUplinkUp, 0, 0};
    return record;
}

class ApplyTest : public testing::Test {
  protected:
    ApplyTest() { tables.set_port(1, {.name = "home", .mac = kPortMac, .present = true}); }

    Status apply(const wire::Bytes& bytes) { return applier.apply(bytes, announcements); }
    void expect_ok(const wire::Bytes& bytes) {
        const Status status = apply(bytes);
        EXPECT_TRUE(status.ok()) << status.error().text;
    }
    void expect_refused(const wire::Bytes& bytes, const char* reason) {
        const Status status = apply(bytes);
        ASSERT_FALSE(status.ok());
        EXPECT_NE(status.error().text.find(reason), std::string::npos) << status.error().text;
    }
    bool bound(std::uint32_t home = kHome) const {
        const auto* slot = tables.directory().reader().slot(Ipv4Address{home});
        return slot != nullptr && slot->bound();
    }

    tables::Tables tables{1};
    Apply applier{tables};
    std::vector<Announcement> announcements;
};

TEST_F(ApplyTest, AWholeReplay) {
    const wire::Bytes encoded = policy::encode({.rules = {}, .fallback = {1, 2}});
    const auto total = static_cast<std::uint32_t>(encoded.size());
    const auto half = total / 2;
    expect_ok(mark(ipc::Type::sync_begin));
    expect_ok(message<ipc::Settings>(ipc::Type::settings, {{.home_agent = 0xc093170b}}));
    expect_ok(message<ipc::HomeNetwork>(ipc::Type::home_network, {network()}));
    expect_ok(
        message<ipc::PolicyChunk>(ipc::Type::policy_chunk, {{7, total, 0, half}}, wire::ByteView{encoded}.first(half)));
    EXPECT_EQ(tables.policies(), 0U);
    expect_ok(message<ipc::PolicyChunk>(ipc::Type::policy_chunk, {{7, total, half, total - half}},
                                        wire::ByteView{encoded}.subspan(half)));
    EXPECT_EQ(tables.policies(), 1U);
    expect_ok(message<ipc::Binding>(ipc::Type::binding_put, {node(7), node(0, kHome + 1)}));
    expect_ok(mark(ipc::Type::sync_end));
    EXPECT_TRUE(tables.shared().settled);
    EXPECT_TRUE(bound());
    EXPECT_TRUE(bound(kHome + 1));

    expect_ok(mark(ipc::Type::sync_begin));
    expect_ok(message<ipc::HomeNetwork>(ipc::Type::home_network, {network()}));
    expect_ok(message<ipc::Binding>(ipc::Type::binding_put, {node(0, kHome + 1)}));
    expect_ok(mark(ipc::Type::sync_end));
    EXPECT_FALSE(bound());
    EXPECT_TRUE(bound(kHome + 1));
    EXPECT_EQ(tables.policies(), 0U);
}

TEST_F(ApplyTest, RefusesNonsense) {
    expect_ok(message<ipc::HomeNetwork>(ipc::Type::home_network, {network()}));
    expect_refused(wire::Bytes(5), "shorter than its header");
    expect_refused(mark(ipc::Type::hello), "not for the data plane");
    expect_refused(message<ipc::Settings>(ipc::Type::settings, {}), "one at a time");
    expect_refused(message<ipc::Settings>(ipc::Type::settings, {{.home_agent = 0}}), "cannot end tunnels");
    expect_refused(message<ipc::Settings>(ipc::Type::settings, {{.home_agent = 0xc093170b, .tunnel_mtu = 100}}),
                   "below 576");
    expect_refused(message<ipc::HomeNetwork>(ipc::Type::home_network, {network("garden")}),
                   "no port is named 'garden'");
    expect_refused(message<ipc::HomeNetwork>(ipc::Type::home_network, {{.network = kHome, .length = 24}}),
                   "is no prefix");
    expect_refused(message<ipc::Binding>(ipc::Type::binding_put, {node(99)}), "policy 99 is not known");
    expect_refused(message<ipc::PolicyRemove>(ipc::Type::policy_remove, {{4}}), "policy 4 is not known");
    auto cut = message<ipc::Binding>(ipc::Type::binding_put, {node()});
    cut.pop_back();
    expect_refused(cut, "length does not fit");
    EXPECT_FALSE(bound());
    EXPECT_FALSE(tables.shared().settled);
}

TEST_F(ApplyTest, ARefusedRecordDoesNotStopTheOthers) {
    expect_ok(message<ipc::HomeNetwork>(ipc::Type::home_network, {network()}));
    expect_refused(message<ipc::Binding>(ipc::Type::binding_put, {node(99), node(0, kHome + 1)}), "policy 99");
    EXPECT_TRUE(bound(kHome + 1));
}

TEST_F(ApplyTest, PolicyChunks) {
    const wire::Bytes encoded = policy::encode({.rules = {}, .fallback = {1}});
    const auto total = static_cast<std::uint32_t>(encoded.size());
    const auto chunk = [&](ipc::PolicyChunk record, std::size_t bytes) {
        return message<ipc::PolicyChunk>(ipc::Type::policy_chunk, {record}, wire::ByteView{encoded}.first(bytes));
    };
    expect_refused(chunk({0, total, 0, total}, total), "number 0");
    expect_refused(chunk({1, total, 0, total}, total - 1), "wrong chunk size");
    expect_refused(chunk({1, total, 4, 1}, 1), "out of order");
    expect_refused(chunk({1, 1, 0, total}, total), "out of order");
    expect_refused(chunk({1, total - 1, 0, total - 1}, total - 1), "policy 1: ");
    expect_ok(chunk({1, total, 0, 1}, 1));
    applier.disconnected();
    expect_refused(chunk({1, total, 1, 1}, 1), "out of order");
    expect_ok(chunk({1, total, 0, total}, total));
    EXPECT_EQ(tables.policies(), 1U);
}

TEST_F(ApplyTest, RemovalIsReportedOnce) {
    expect_ok(message<ipc::HomeNetwork>(ipc::Type::home_network, {network()}));
    expect_ok(message<ipc::Binding>(ipc::Type::binding_put, {node()}));
    std::vector<Ipv4Address> removed;
    applier.on_binding_removed = [&](Ipv4Address address) { removed.push_back(address); };
    expect_ok(message<ipc::BindingRemove>(ipc::Type::binding_remove, {{kHome}, {kHome}}));
    EXPECT_EQ(removed, std::vector{Ipv4Address{kHome}});
    expect_ok(message<ipc::HomeNetwork>(ipc::Type::home_network_remove, {network()}));
    EXPECT_EQ(tables.shared().home_network_count, 0U);
}

TEST_F(ApplyTest, Announcements) {
    expect_refused(message<ipc::ArpAnnounce>(ipc::Type::arp_announce, {{.home_address = kHome}}), "no home network");
    expect_ok(message<ipc::HomeNetwork>(ipc::Type::home_network, {network()}));
    expect_ok(message<ipc::ArpAnnounce>(
        ipc::Type::arp_announce,
        {{.home_address = kHome}, {.home_address = kHome, .mac = {2, 1, 1, 1, 1, 1}, .repeat = 0}}));
    ASSERT_EQ(announcements.size(), 2U);
    EXPECT_EQ(announcements[0].port, 1);
    EXPECT_EQ(announcements[0].mac, kPortMac);
    EXPECT_EQ(announcements[0].repeat, 3);
    EXPECT_EQ(announcements[1].mac, (tables::MacAddress{2, 1, 1, 1, 1, 1}));
    EXPECT_EQ(announcements[1].repeat, 1);
    expect_ok(message<ipc::HomeNetwork>(ipc::Type::home_network, {network("")}));
    expect_ok(message<ipc::ArpAnnounce>(ipc::Type::arp_announce, {{.home_address = kHome}}));
    EXPECT_EQ(announcements.size(), 2U) << "a routed home network has no link";
}

}  // namespace
}  // namespace homeward::mailbox
