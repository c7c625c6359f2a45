// The steering program in the running kernel, packet by packet (BPF_PROG_TEST_RUN): map state and packet in, queue and
// counters out. Skipped, with the kernel's reason, where it may not be loaded.
#include <bpf/bpf.h>
#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <vector>

#include "../unit/policy/random_policy.h"
#include "bpf_steering/steering.h"
#include "policy/spread.h"

namespace homeward::bpf {
namespace {

using policy::FlowKey;
using policy::Policy;

constexpr std::uint8_t kWlan = 1, kCellular = 2;
constexpr std::uint8_t kNoneQueue = 2;
constexpr std::uint8_t kTcp = 6, kUdp = 17, kIcmp = 1;

wire::Ipv4Address ip(const char* text) {
    return *wire::Ipv4Address::parse(text);
}
wire::Ipv4Prefix prefix(const char* text) {
    return *wire::Ipv4Prefix::parse(text);
}

struct PacketSpec {
    wire::Ipv4Address to;
    std::uint8_t protocol = kUdp;
    std::uint16_t port = 0;
    std::uint16_t fragment = 0;  ///< flags and offset
    std::uint16_t id = 1;
    std::uint8_t option_words = 0;
    std::size_t size = 0;  ///< 0: whole
    std::uint16_t from_port = 0;
    wire::Ipv4Address from{};
};

/// An Ethernet frame around the packet: the test run takes 14 bytes off, as for a frame that a driver received.
std::vector<std::uint8_t> frame(const PacketSpec& spec) {
    std::vector<std::uint8_t> bytes(14, 0);
    bytes[12] = 8;
    const std::size_t header = 20U + spec.option_words * 4U;
    std::vector<std::uint8_t> packet(header + 8, 0);
    packet[0] = static_cast<std::uint8_t>(0x45 + spec.option_words);
    packet[4] = static_cast<std::uint8_t>(spec.id >> 8);
    packet[5] = static_cast<std::uint8_t>(spec.id);
    packet[6] = static_cast<std::uint8_t>(spec.fragment >> 8);
    packet[7] = static_cast<std::uint8_t>(spec.fragment);
    packet[9] = spec.protocol;
    const wire::be32 destination = spec.to.wire();
    std::memcpy(&packet[16], &destination, 4);
    const wire::be32 source = spec.from.wire();
    std::memcpy(&packet[12], &source, 4);
    packet[header] = static_cast<std::uint8_t>(spec.from_port >> 8);
    packet[header + 1] = static_cast<std::uint8_t>(spec.from_port);
    packet[header + 2] = static_cast<std::uint8_t>(spec.port >> 8);
    packet[header + 3] = static_cast<std::uint8_t>(spec.port);
    if (spec.size != 0) {
        packet.resize(spec.size);
    }
    bytes.insert(bytes.end(), packet.begin(), packet.end());
    return bytes;
}

class SteeringTest : public testing::Test {
  protected:
    void SetUp() override {
        Result<std::unique_ptr<Steering>> loaded = Steering::load();
        if (!loaded) {
            GTEST_SKIP() << loaded.error().text;
        }
        steering = std::move(*loaded);
        ASSERT_TRUE(steering->set_none_queue(kNoneQueue));
        usable(kWlan, true);
        usable(kCellular, true);
    }
    void usable(policy::Label label, bool value) {
        ASSERT_TRUE(steering->set_uplink(label, value, static_cast<std::uint8_t>(label - 1)));
    }
    void publish(const Policy& policy) {
        Result<policy::Table> table = policy::Table::compile(policy);
        ASSERT_TRUE(table) << table.error().text;
        Result<UniqueFd> trie = Steering::fill(*table);
        ASSERT_TRUE(trie) << trie.error().text;
        ASSERT_TRUE(steering->swap(*trie, policy.rules.size()));
    }
    int run(const std::vector<std::uint8_t>& bytes) const {
        LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = bytes.data(),
                    .data_size_in = static_cast<std::uint32_t>(bytes.size()));
        EXPECT_EQ(bpf_prog_test_run_opts(steering->program_fd(), &options), 0) << std::strerror(errno);
        return static_cast<int>(options.retval);
    }
    int queue_of(const PacketSpec& spec) const { return run(frame(spec)); }
    std::uint64_t counter(homeward_steering_counter which) const { return steering->counters()[which]; }

    std::unique_ptr<Steering> steering;
};

Policy example() {
    Policy policy;
    policy.fallback = {kWlan, kCellular};
    policy.rules.push_back({prefix("158.132.10.178/32"), 0, {}, {kCellular, kWlan}});
    policy.rules.push_back({prefix("10.0.0.0/8"), kUdp, {5000, 5999}, {kCellular, kWlan}});
    policy.rules.push_back({prefix("10.9.0.0/16"), 0, {}, {kCellular}});
    policy.rules.push_back({prefix("192.0.2.0/24"), 0, {}, {}});
    return policy;
}

struct Row {
    const char* name;
    PacketSpec packet;
    bool wlan, cellular;
    int queue;
};

TEST_F(SteeringTest, Rows) {
    publish(example());
    const std::vector<Row> rows{
        {"default", {ip("1.2.3.4")}, true, true, 0},
        {"default, wlan gone", {ip("1.2.3.4")}, false, true, 1},
        {"rule", {ip("158.132.10.178"), kTcp, 80}, true, true, 1},
        {"rule, cellular gone", {ip("158.132.10.178"), kTcp, 80}, true, false, 0},
        {"neighbour of the rule", {ip("158.132.10.179"), kTcp, 80}, true, true, 0},
        {"port in range", {ip("10.1.1.1"), kUdp, 5500}, true, true, 1},
        {"port range is inclusive", {ip("10.1.1.1"), kUdp, 5999}, true, true, 1},
        {"port outside", {ip("10.1.1.1"), kUdp, 6000}, true, true, 0},
        {"other protocol", {ip("10.1.1.1"), kTcp, 5500}, true, true, 0},
        {"no ports", {ip("10.1.1.1"), kIcmp, 5500}, true, true, 0},
        {"port behind options", {ip("10.1.1.1"), kUdp, 5500, 0, 1, 10}, true, true, 1},
        {"port cut off", {ip("10.1.1.1"), kUdp, 5500, 0, 1, 0, 22}, true, true, 0},
        {"longer prefix, earlier rule's ports", {ip("10.9.1.1"), kUdp, 5500}, true, false, 0},
        {"longer prefix, only", {ip("10.9.1.1"), kTcp, 1}, true, true, 1},
        {"longer prefix, only, gone", {ip("10.9.1.1"), kTcp, 1}, true, false, kNoneQueue},
        {"drop rule", {ip("192.0.2.9")}, true, true, kNoneQueue},
        {"nothing usable", {ip("1.2.3.4")}, false, false, kNoneQueue},
        {"later fragment of an unseen datagram", {ip("10.1.1.1"), kUdp, 5500, 100, 77}, true, true, 0},
        {"first fragment", {ip("10.1.1.1"), kUdp, 5500, 0x2000, 78}, true, true, 1},
        {"later fragment follows", {ip("10.1.1.1"), kUdp, 1, 0x2000 | 100, 78}, true, true, 1},
        {"last fragment follows", {ip("10.1.1.1"), kUdp, 1, 200, 78}, true, true, 1},
        {"another datagram does not", {ip("10.1.1.1"), kUdp, 1, 100, 79}, true, true, 0},
    };
    for (const Row& row : rows) {
        usable(kWlan, row.wlan);
        usable(kCellular, row.cellular);
        EXPECT_EQ(queue_of(row.packet), row.queue) << row.name;
    }
    EXPECT_EQ(counter(HOMEWARD_STEERING_PACKETS), rows.size());
    EXPECT_EQ(counter(HOMEWARD_STEERING_NO_UPLINK), 3U);
    EXPECT_EQ(counter(HOMEWARD_STEERING_NO_ENTRY), 0U);
    EXPECT_EQ(counter(HOMEWARD_STEERING_NOT_IPV4), 0U);
}

TEST_F(SteeringTest, WithoutAPolicyNothingLeaves) {
    EXPECT_EQ(queue_of({ip("1.2.3.4")}), kNoneQueue);
    EXPECT_EQ(counter(HOMEWARD_STEERING_NO_ENTRY), 1U);
}

TEST_F(SteeringTest, OnlyIpv4IsCarried) {
    publish(example());
    std::vector<std::uint8_t> bytes = frame({ip("1.2.3.4")});
    bytes.resize(14 + 40);
    bytes[12] = 0x86;
    bytes[13] = 0xdd;
    EXPECT_EQ(run(bytes), kNoneQueue);
    EXPECT_EQ(counter(HOMEWARD_STEERING_NOT_IPV4), 1U);
}

TEST_F(SteeringTest, ASwapReplacesTheWholeTable) {
    publish(example());
    ASSERT_EQ(queue_of({ip("158.132.10.178"), kTcp, 80}), 1);
    Policy next;
    next.fallback = {kWlan};
    publish(next);
    EXPECT_EQ(queue_of({ip("158.132.10.178"), kTcp, 80}), 0);
}

/// What the program must answer, by the table that the agent and the home agent use.
int expected(const policy::Table& table, const FlowKey& flow) {
    const policy::Candidate& choice = table.lookup(flow);
    const policy::Label chosen =
        policy::choose(choice, table.rates(), flow, [](policy::Label label) { return label <= 200; });
    return chosen == 0 || choice.mode == policy::Mode::redundant ? kNoneQueue : chosen;
}

TEST_F(SteeringTest, WhatLeavesByTwoWaitsForNoneOfThem) {
    Policy policy;
    policy.fallback = {kWlan};
    policy.rules.push_back({prefix("10.0.0.0/8"), 0, {}, {kCellular, kWlan}, policy::Mode::redundant});
    publish(policy);
    usable(kWlan, true);
    usable(kCellular, true);
    EXPECT_EQ(queue_of({ip("10.1.1.1"), kUdp, 80}), kNoneQueue);
    EXPECT_EQ(steering->carried_by(0).packets, 1U);
    EXPECT_EQ(counter(HOMEWARD_STEERING_NO_UPLINK), 0U);
    EXPECT_EQ(queue_of({ip("11.1.1.1"), kUdp, 80}), 0);
    usable(kWlan, false);
    usable(kCellular, false);
    EXPECT_EQ(queue_of({ip("10.1.1.1"), kUdp, 80}), kNoneQueue);
    EXPECT_EQ(counter(HOMEWARD_STEERING_NO_UPLINK), 1U);
}

TEST_F(SteeringTest, AFlowKeepsItsUplinkAndFragmentsItsWay) {
    Policy policy;
    policy.fallback = {kWlan};
    policy.rules.push_back({prefix("10.0.0.0/8"), 0, {}, {kWlan, kCellular}, policy::Mode::spread, {3, 1}});
    publish(policy);
    int carried[2] = {};
    for (std::uint16_t i = 0; i < 400; ++i) {
        const PacketSpec whole{.to = ip("10.1.1.1"), .port = 443, .from_port = static_cast<std::uint16_t>(40'000 + i)};
        usable(kWlan, true);
        usable(kCellular, true);
        const int queue = queue_of(whole);
        ASSERT_TRUE(queue == 0 || queue == 1);
        ++carried[queue];
        PacketSpec first = whole;
        first.fragment = 0x2000;
        first.id = i;
        EXPECT_EQ(queue_of(first), queue);
        EXPECT_EQ(queue_of({.to = whole.to, .fragment = 100, .id = i}), queue);
        usable(kWlan, false);
        EXPECT_EQ(queue_of(whole), 1) << "the dead one gets nothing";
        usable(kWlan, true);
        usable(kCellular, false);
        EXPECT_EQ(queue_of(whole), 0);
    }
    EXPECT_NEAR(carried[0], 300, 30);
}

TEST_F(SteeringTest, AChangeOfRatesIsInForceAtOnce) {
    Policy policy;
    policy.fallback = {kWlan};
    policy.rules.push_back({prefix("10.0.0.0/8"), 0, {}, {kWlan, kCellular}, policy::Mode::spread_by_rate, {1, 1}});
    publish(policy);
    struct Rates {
        std::uint8_t wlan, cellular;
        double share;
    };
    for (const Rates rates : {Rates{255, 255, 0.5}, Rates{255, 63, 0.198}, Rates{1, 255, 0.996}}) {
        ASSERT_TRUE(steering->set_uplink(kWlan, true, 0, rates.wlan));
        ASSERT_TRUE(steering->set_uplink(kCellular, true, 1, rates.cellular));
        int cellular = 0;
        for (std::uint16_t i = 0; i < 2000; ++i) {
            cellular += queue_of({.to = ip("10.1.1.1"), .port = 443, .from_port = i});
        }
        EXPECT_NEAR(cellular / 2000.0, rates.share, 0.03);
    }
}

TEST_F(SteeringTest, AgreesWithTheTableOnRandomPolicies) {
    for (std::uint32_t seed = 1; seed <= 60; ++seed) {
        policy::RandomPolicy random{seed};
        const Policy policy = random.crowded(random.below(60));
        const Result<policy::Table> table = policy::Table::compile(policy);
        if (!table) {
            continue;  // more overlapping conditions than one prefix may carry
        }
        publish(policy);
        // Queue = label, so that the answer names the preference.
        for (int label = 1; label <= 200; ++label) {
            ASSERT_TRUE(steering->set_uplink(static_cast<policy::Label>(label), true, static_cast<std::uint8_t>(label),
                                             policy.rates.of(static_cast<policy::Label>(label))));
        }
        for (int i = 0; i < 200; ++i) {
            FlowKey flow = random.flow(policy);
            const bool ports = flow.protocol == kTcp || flow.protocol == kUdp;
            flow.has_port = ports;
            flow.node = ip("10.44.0.12");
            flow.node_port = static_cast<std::uint16_t>(1024 + random.below(60'000));
            const PacketSpec packet{.to = flow.correspondent,
                                    .protocol = flow.protocol,
                                    .port = flow.port,
                                    .from_port = flow.node_port,
                                    .from = flow.node};
            ASSERT_EQ(queue_of(packet), expected(*table, flow))
                << "seed " << seed << ", to " << flow.correspondent.to_string() << " protocol " << int{flow.protocol}
                << " port " << flow.port;
        }
    }
}

}  // namespace
}  // namespace homeward::bpf
