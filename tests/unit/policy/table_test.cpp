#include "policy/table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>

#include "random_policy.h"

namespace homeward::policy {
namespace {

using wire::Ipv4Address;
using wire::Ipv4Prefix;

Rule rule(const char* prefix, LabelList uplinks, std::uint8_t protocol = kAnyProtocol, PortRange ports = {}) {
    return {*Ipv4Prefix::parse(prefix), protocol, ports, uplinks};
}

/// What the policy means: the ordered list, walked.
std::uint32_t walk(const Policy& policy, const FlowKey& flow) {
    const auto found =
        std::find_if(policy.rules.begin(), policy.rules.end(), [&](const Rule& each) { return matches(each, flow); });
    return found == policy.rules.end() ? kFallbackRule : static_cast<std::uint32_t>(found - policy.rules.begin());
}

const LabelList& uplinks_of(const Policy& policy, std::uint32_t index) {
    return index == kFallbackRule ? policy.fallback : policy.rules[index].uplinks;
}

std::string describe(const FlowKey& flow) {
    return flow.correspondent.to_string() + " protocol " + std::to_string(flow.protocol) +
           (flow.has_port ? " port " + std::to_string(flow.port) : " without port");
}

void expect_same(const Policy& policy, const Table& table, const FlowKey& flow) {
    const Candidate& found = table.lookup(flow);
    const std::uint32_t expected = walk(policy, flow);
    ASSERT_EQ(found.rule, expected) << describe(flow);
    ASSERT_EQ(found.uplinks, uplinks_of(policy, expected)) << describe(flow);
    const Lead lead = table.first(flow.correspondent);
    ASSERT_EQ(lead.preferred(), table.choice(lead).preferred) << describe(flow);
    ASSERT_EQ(Table::decide(table.choice(lead), flow), static_cast<const Choice&>(found)) << describe(flow);
}

/// Four addresses side by side, at once and step by step, and each of them by itself.
void expect_same_of_four(const Table& table, Ipv4Address address) {
    const std::uint32_t host = address.host();
    const Four four = {host, host + 1, ~host, host ^ 0x80000000U};
    std::vector<Leads> found{table.firsts(four)};
    if (!table.flat()) {
        Table::Search search;
        table.begin(four, search);
        table.descend(search);
        found.push_back(table.settle(search));
    }
    for (const Leads& leads : found) {
        for (int i = 0; i < 4; ++i) {
            const Ipv4Address one{four[i]};
            ASSERT_EQ(leads[static_cast<std::size_t>(i)].bits(), table.first(one).bits()) << one.to_string();
        }
    }
}

/// The answer a longest-prefix map of the entries gives.
const Candidate& lookup_in(const std::vector<Entry>& entries, const FlowKey& flow) {
    const Entry* best = nullptr;
    for (const Entry& entry : entries) {
        if (entry.prefix.contains(flow.correspondent) &&
            (best == nullptr || entry.prefix.length > best->prefix.length)) {
            best = &entry;
        }
    }
    const auto fits = [&](const Candidate& c) { return matches(Rule{{}, c.protocol, c.ports, {}}, flow); };
    return *std::find_if(best->candidates.begin(), best->candidates.end(), fits);
}

TEST(Lead, KeepsNumberAndNameAndComparesWithAnUplinksWord) {
    for (const std::uint32_t choice : {0U, 1U, 63U, 64U, 65'535U, 65'536U, Lead::kMostChoices - 1}) {
        for (const Label name : {Label{0}, Label{1}, Label{255}}) {
            const Lead lead{choice, name};
            EXPECT_EQ(lead.choice(), choice);
            EXPECT_EQ(lead.preferred(), name);
            const std::uint32_t up = std::uint32_t{name} << Lead::kNameShift | Lead::kPresent | Lead::kUp;
            EXPECT_EQ((lead.bits() & Lead::kUplink) == up, name != 0) << "without a preference it is no uplink's";
        }
    }
    EXPECT_EQ(Lead{}.bits() & Lead::kUplink, (Lead{0, 0}.bits() & Lead::kUplink));
}

TEST(Table, FirstMatchInOrderWins) {
    const Policy policy{{rule("10.1.0.0/16", {2}, 17, {5000, 5999}), rule("10.0.0.0/8", {1}, 6),
                         rule("10.1.2.0/24", {3, 1}), rule("10.1.2.3/32", {4}), rule("0.0.0.0/0", {5}, 1)},
                        {9}};
    const auto table = Table::compile(policy);
    ASSERT_TRUE(table.ok());
    struct Row {
        const char* correspondent;
        std::uint8_t protocol;
        int port;
        std::uint32_t rule;
    };
    constexpr Row kRows[] = {
        {"10.1.2.3", 17, 5000, 0},
        {"10.1.2.3", 17, 5999, 0},
        {"10.1.2.3", 17, 6000, 2},
        {"10.1.2.3", 17, -1, 2},  // a later fragment has no port
        {"10.1.2.3", 6, 5000, 1},
        {"10.1.2.4", 1, -1, 2},
        {"10.1.3.0", 17, 80, kFallbackRule},
        {"10.2.0.0", 6, 80, 1},
        {"10.255.255.255", 1, -1, 4},
        {"11.0.0.0", 6, 80, kFallbackRule},
        {"255.255.255.255", 1, -1, 4},
        {"0.0.0.0", 17, 5000, kFallbackRule},
    };
    for (const Row& row : kRows) {
        const FlowKey flow{*Ipv4Address::parse(row.correspondent), row.protocol, row.port >= 0,
                           static_cast<std::uint16_t>(std::max(row.port, 0))};
        EXPECT_EQ(table->lookup(flow).rule, row.rule) << describe(flow);
    }
}

TEST(Table, AsksForThePortWhereItDecides) {
    const auto table = Table::compile({{rule("10.1.0.0/16", {2}, 17, {5000, 5999}), rule("10.0.0.0/8", {1}, 6),
                                        rule("10.1.0.0/16", {3}, 6, {80, 80}), rule("10.2.0.0/16", {4})},
                                       {9}});
    ASSERT_TRUE(table.ok());
    struct Row {
        const char* correspondent;
        std::uint8_t protocol;
        bool asks;
    };
    constexpr Row kRows[] = {{"10.1.2.3", 17, true}, {"10.1.2.3", 6, false},  // an earlier rule takes all of TCP
                             {"10.1.2.3", 1, false}, {"10.2.0.1", 17, false},
                             {"10.3.0.1", 6, false}, {"192.0.2.1", 17, false}};
    for (const Row& row : kRows) {
        EXPECT_EQ(table->asks_for_port({*Ipv4Address::parse(row.correspondent), row.protocol}), row.asks)
            << row.correspondent << ' ' << int{row.protocol};
    }
}

TEST(Table, EmptyPolicyIsItsDefault) {
    const auto table = Table::compile({{}, {7, 8}});
    ASSERT_TRUE(table.ok());
    EXPECT_EQ(table->lookup({}).uplinks, (LabelList{7, 8}));
    ASSERT_EQ(table->entries().size(), 1U);
    EXPECT_EQ(table->entries()[0].prefix, Ipv4Prefix{});
}

TEST(Table, SmallTableIsSmall) {
    const auto table =
        Table::compile({{rule("10.0.0.0/8", {1}), rule("192.0.2.0/24", {2}, 17), rule("198.51.100.7/32", {})}, {1, 2}});
    ASSERT_TRUE(table.ok());
    EXPECT_LT(table->memory_bytes(), 1024U);
}

TEST(Table, SameAnswerAsTheOrderedList) {
    unsigned flat = 0, indexed = 0;
    for (std::uint32_t seed = 0; seed < 3000; ++seed) {
        RandomPolicy random{seed};
        const Policy policy = random.crowded(random.below(seed % 10 == 0 ? 300 : 30));
        const auto table = Table::compile(policy);
        if (!table) {
            continue;
        }
        ++(table->flat() ? flat : indexed);
        const auto entries = table->entries();
        for (int i = 0; i < 200; ++i) {
            const FlowKey flow = random.flow(policy);
            ASSERT_NO_FATAL_FAILURE(expect_same(policy, *table, flow)) << "seed " << seed;
            const Candidate& mapped = lookup_in(entries, flow);
            ASSERT_EQ(mapped.rule, table->lookup(flow).rule) << "seed " << seed << ' ' << describe(flow);
            ASSERT_NO_FATAL_FAILURE(expect_same_of_four(*table, flow.correspondent)) << "seed " << seed;
        }
    }
    EXPECT_GT(flat, 2000U);
    EXPECT_GT(indexed, 200U);
}

TEST(Table, LargeTablesGiveTheSameAnswers) {
    for (const bool dense : {false, true}) {
        RandomPolicy random{dense ? 2U : 1U};
        Policy policy = random.wide(100'000);
        for (std::uint32_t i = 0; dense && i < policy.rules.size(); ++i) {  // hosts side by side, crowded in places
            policy.rules[i].correspondent = Ipv4Prefix::of(Ipv4Address{0x0a000000 + (i < 50'000 ? i : i * 300)},
                                                           static_cast<std::uint8_t>(random.one_in(9) ? 24 : 32));
        }
        const auto table = Table::compile(policy);
        ASSERT_TRUE(table.ok()) << table.error().text;
        EXPECT_LT(table->memory_bytes(), 16U << 20U);
        for (int i = 0; i < 1000; ++i) {
            const FlowKey flow = random.flow(policy);
            ASSERT_NO_FATAL_FAILURE(expect_same(policy, *table, flow));
            ASSERT_NO_FATAL_FAILURE(expect_same_of_four(*table, flow.correspondent));
        }
    }
}

TEST(Table, IsFlatWhereEachPartOfItsAddressesTakesALine) {
    struct Row {
        const char* what;
        unsigned hosts;
        std::uint32_t apart;
        bool flat;
    };
    constexpr Row kRows[] = {
        {"one line", 3, 1000, true},
        {"one line of all addresses", 3, 1U << 29, true},
        {"side by side, in 64 lines", 250, 2, true},
        {"in more", 300, 2, false},
        {"as far apart as can be", 120, 1U << 25, true},
    };
    for (const Row& row : kRows) {
        Policy policy{{}, {9}};
        for (std::uint32_t i = 0; i < row.hosts; ++i) {
            policy.rules.push_back({.correspondent = Ipv4Prefix::of(Ipv4Address{0x01000000 + i * row.apart}, 32),
                                    .uplinks = {static_cast<Label>(1 + i % 3)}});
        }
        EXPECT_EQ(Table::compile(policy)->flat(), row.flat) << row.what;
        // Far from the rest, so that parts are large: crowded ones have no line of their own any more.
        for (std::uint32_t i = 0; i < 2; ++i) {
            policy.rules.push_back(
                {.correspondent = Ipv4Prefix::of(Ipv4Address{0xf0000000 + 2 * i}, 32), .uplinks = {4}});
        }
        const auto table = Table::compile(policy);
        ASSERT_TRUE(table.ok());
        for (const Rule& rule : policy.rules) {
            for (const std::uint32_t near : {0xffffffffU, 0U, 1U}) {
                const Ipv4Address address{rule.correspondent.network.host() + near};
                ASSERT_NO_FATAL_FAILURE(expect_same(policy, *table, {address, 17, true, 53})) << row.what;
                ASSERT_NO_FATAL_FAILURE(expect_same_of_four(*table, address)) << row.what;
            }
        }
    }
}

/// Intervals that end with the last address, in leaves that are full and in some that are not.
TEST(Table, TheLastAddressesAreTheLastIntervals) {
    for (std::uint32_t hosts = 1; hosts < 300; hosts += hosts < 20 ? 1 : 37) {
        Policy policy{{}, {9}};
        for (std::uint32_t i = 0; i < hosts; ++i) {
            policy.rules.push_back({.correspondent = Ipv4Prefix::of(Ipv4Address{0xffffffff - 2 * i}, 32),
                                    .uplinks = {static_cast<Label>(1 + i % 3)}});
        }
        const auto table = Table::compile(policy);
        ASSERT_TRUE(table.ok());
        for (std::uint32_t below = 0; below < 2 * hosts + 2; ++below) {
            ASSERT_NO_FATAL_FAILURE(expect_same(policy, *table, {Ipv4Address{0xffffffff - below}, 17, true, 53}));
            ASSERT_NO_FATAL_FAILURE(expect_same_of_four(*table, Ipv4Address{0xffffffff - below}));
        }
    }
}

TEST(Table, EntriesAreDistinctAndInOrder) {
    const auto table =
        Table::compile({{rule("10.1.0.0/16", {1}, 6), rule("10.0.0.0/8", {2}), rule("10.1.0.0/16", {3})}, {4}});
    ASSERT_TRUE(table.ok());
    const auto entries = table->entries();
    ASSERT_EQ(entries.size(), 3U);
    EXPECT_EQ(entries[0].prefix.to_string(), "0.0.0.0/0");
    EXPECT_EQ(entries[1].prefix.to_string(), "10.0.0.0/8");
    EXPECT_EQ(entries[2].prefix.to_string(), "10.1.0.0/16");
    ASSERT_EQ(entries[2].candidates.size(), 2U);
    EXPECT_EQ(entries[2].candidates[0].rule, 0U);
    EXPECT_EQ(entries[2].candidates[1].rule, 1U);
}

TEST(Table, TooManyCandidatesNamesThePrefixAndTheRules) {
    Policy policy;
    policy.fallback = {1};
    for (std::uint16_t i = 0; i < kMaxCandidates; ++i) {
        policy.rules.push_back(rule(i % 2 == 0 ? "10.0.0.0/8" : "10.1.0.0/16", {1}, 6, {i, i}));
    }
    const auto table = Table::compile(policy);
    ASSERT_FALSE(table.ok());
    EXPECT_EQ(table.error().text,
              "more than 7 rules with a protocol or ports overlap at 10.1.0.0/16: rules[0], rules[1], rules[2], "
              "rules[3], rules[4], rules[5], rules[6], rules[7], the default; join some of them");
    policy.rules.pop_back();
    EXPECT_TRUE(Table::compile(policy).ok());
}

TEST(Table, CoveredRulesTakeNoRoom) {
    Policy policy;
    policy.fallback = {1};
    policy.rules.push_back(rule("10.0.0.0/8", {2}, 6, {0, 1000}));
    for (std::uint16_t i = 0; i < 100; ++i) {
        policy.rules.push_back(rule("10.0.0.0/8", {1}, 6, {i, i}));
    }
    const auto table = Table::compile(policy);
    ASSERT_TRUE(table.ok()) << table.error().text;
    EXPECT_EQ(table->lookup({Ipv4Address{0x0a000001}, 6, true, 50}).rule, 0U);
}

}  // namespace
}  // namespace homeward::policy
