#include "config/policy_file.h"

#include <gtest/gtest.h>

#include "config/file_kind.h"
#include "config/policy_change.h"
#include "scratch.h"

namespace homeward::config {
namespace {

using policy::LabelList;

const UplinkNames kUplinks{{"wlan", 1}, {"cellular", 2}, {"ether", 3}};

TEST(PolicyFile, RulesMeanWhatTheySay) {
    const auto read = parse_policy("p.yaml", R"(
default: &all [wlan, cellular, ether]
rules:
  - name: video
    correspondent: 158.132.10.178/32
    prefer: [cellular]
  - correspondent: 10.0.0.0/8
    protocol: udp
    ports: 5000-5999
    only: [ether, wlan]
  - {correspondent: 10.1.2.3, protocol: 47, drop: true}
  - {correspondent: 0.0.0.0/0, protocol: tcp, ports: 80, prefer: *all}
)",
                                   kUplinks);
    ASSERT_TRUE(read.ok()) << read.error().text;
    const auto& rules = read->policy.rules;
    ASSERT_EQ(rules.size(), 4U);
    EXPECT_EQ(read->policy.fallback, (LabelList{1, 2, 3}));
    EXPECT_EQ(rules[0].uplinks, (LabelList{2, 1, 3}));
    EXPECT_EQ(rules[1].uplinks, (LabelList{3, 1}));
    EXPECT_EQ(rules[1].protocol, 17);
    EXPECT_EQ(rules[1].ports, (policy::PortRange{5000, 5999}));
    EXPECT_EQ(rules[2].correspondent.to_string(), "10.1.2.3/32");
    EXPECT_EQ(rules[2].protocol, 47);
    EXPECT_TRUE(rules[2].uplinks.empty());
    EXPECT_EQ(rules[3].ports, (policy::PortRange{80, 80}));
    EXPECT_EQ(rules[3].uplinks, (LabelList{1, 2, 3}));
    EXPECT_EQ(read->names, (std::vector<std::string>{"video", "", "", ""}));
}

TEST(PolicyFile, ARuleMaySpread) {
    using policy::Mode;
    using policy::Weights;
    struct Row {
        const char* rule;
        LabelList uplinks;
        Mode mode;
        Weights weights;
    };
    const Row rows[] = {
        {"prefer: [cellular]", {2, 1, 3}, Mode::prefer, {}},
        {"prefer: [cellular], mode: prefer", {2, 1, 3}, Mode::prefer, {}},
        {"prefer: [wlan, cellular], mode: spread", {1, 2, 3}, Mode::spread_by_rate, {1, 1}},
        {"only: [ether, cellular], mode: spread", {3, 2}, Mode::spread_by_rate, {1, 1}},
        {"prefer: [wlan, cellular], mode: spread, weights: {cellular: 1, wlan: 4}", {1, 2, 3}, Mode::spread, {4, 1}},
        {"only: [wlan], mode: spread, weights: {wlan: 15}", {1}, Mode::spread, {15}},
        {"prefer: [cellular], mode: redundant", {2, 1, 3}, Mode::redundant, {}},
        {"only: [ether, wlan], mode: redundant", {3, 1}, Mode::redundant, {}},
    };
    for (const Row& row : rows) {
        const auto read = parse_policy("p.yaml",
                                       std::string{"default: [wlan, cellular, ether]\nrules:\n"
                                                   "  - {correspondent: 0.0.0.0/0, "} +
                                           row.rule + "}\n",
                                       kUplinks);
        ASSERT_TRUE(read.ok()) << read.error().text;
        const policy::Rule& rule = read->policy.rules[0];
        EXPECT_EQ(rule.uplinks, row.uplinks) << row.rule;
        EXPECT_EQ(rule.mode, row.mode) << row.rule;
        EXPECT_EQ(rule.weights, row.weights) << row.rule;
    }
}

TEST(PolicyFile, AMistakeInSpreadingIsNamed) {
    struct Row {
        const char* rule;
        const char* error;
    };
    const Row rows[] = {
        {"prefer: [wlan], mode: balance", "rules[0].mode: expected one of prefer, spread, redundant, got \"balance\""},
        {"drop: true, mode: spread", "rules[0].mode: a rule that drops uses no uplinks"},
        {"prefer: [wlan], weights: {wlan: 1}", "rules[0].weights: weights need \"mode: spread\""},
        {"prefer: [wlan], mode: prefer, weights: {wlan: 1}", "rules[0].weights: weights need \"mode: spread\""},
        {"prefer: [wlan], mode: spread, weights: [4]", "rules[0].weights: expected a map, got a list"},
        {"prefer: [wlan], mode: spread, weights: {wlan: 0}",
         "rules[0].weights.wlan: expected a number from 1 to 15, got \"0\""},
        {"prefer: [wlan], mode: spread, weights: {wlan: 16}",
         "rules[0].weights.wlan: expected a number from 1 to 15, got \"16\""},
        {"prefer: [wlan], mode: spread, weights: {wlan: 2, wlan: 3}",
         "rules[0].weights.wlan: the key stands here a second time"},
        {"prefer: [wlan], mode: spread, weights: {wlan: 1, cellular: 1}",
         "rules[0].weights.cellular: not among the uplinks that this rule names"},
        {"prefer: [wlan], mode: spread, weights: {wifi: 1}",
         "rules[0].weights.wifi: not among the uplinks that this rule names"},
        {"prefer: [wlan, cellular], mode: spread, weights: {wlan: 1}",
         "rules[0].weights: expected a weight for each uplink that this rule names"},
        {"only: [wlan], mode: redundant", "rules[0].mode: a second uplink is needed to send packets by two"},
        {"drop: true, mode: redundant", "rules[0].mode: a rule that drops uses no uplinks"},
        {"prefer: [wlan, cellular], mode: redundant, weights: {wlan: 1, cellular: 1}",
         "rules[0].weights: weights need \"mode: spread\""},
        {"prefer: [wlan], mod: spread", "rules[0].mod: unknown key; did you mean \"mode\"?"},
    };
    for (const Row& row : rows) {
        const auto read = parse_policy(
            "p.yaml",
            std::string{"default: [wlan, cellular]\nrules:\n  - {correspondent: 0.0.0.0/0, "} + row.rule + "}\n",
            kUplinks);
        ASSERT_FALSE(read.ok()) << row.rule;
        EXPECT_EQ(read.error().text, std::string{"p.yaml:3: "} + row.error) << row.rule;
    }
}

TEST(PolicyFile, ErrorsSayWhereAndWhatWasExpected) {
    struct Row {
        const char* text;
        const char* error;
    };
    const Row rows[] = {
        {"", "p.yaml:1: the file is empty"},
        {"- 1\n", "p.yaml:1: expected a map, got a list"},
        {"rules: []\n", "p.yaml:1: the key \"default\" is missing"},
        {"default: wlan\n", "p.yaml:1: default: expected a list, got \"wlan\""},
        {"default: []\n", "p.yaml:1: default: expected a list of uplinks, at least one, got a list"},
        {"default: [wifi]\n", "p.yaml:1: default[0]: expected an uplink (cellular, ether, wlan), got \"wifi\""},
        {"default: [wlan, wlan]\n", "p.yaml:1: default[1]: this uplink stands in the list before"},
        {"default: [wlan]\nrule: []\n", "p.yaml:2: rule: unknown key; did you mean \"rules\"?"},
        {"default: [wlan]\nzzzzzz: []\n", "p.yaml:2: zzzzzz: unknown key; known here: default, rules"},
        {"default: [wlan]\nrules: []\ndefault: [wlan]\n", "p.yaml:3: default: the key stands here a second time"},
        {"default: [wlan]\nrules:\n  - prefer: [wlan]\n", "p.yaml:3: rules[0]: the key \"correspondent\" is missing"},
        {"default: [wlan]\nrules:\n  - corespondent: 10.0.0.0/8\n",
         "p.yaml:3: rules[0].corespondent: unknown key; did you mean \"correspondent\"?"},
        {"default: [wlan]\nrules:\n  - correspondent: 10.0.0.1/8\n    prefer: [wlan]\n",
         "p.yaml:3: rules[0].correspondent: expected a prefix without host bits (10.0.0.0/8), got \"10.0.0.1/8\""},
        {"default: [wlan]\nrules:\n  - correspondent: example.org\n    prefer: [wlan]\n",
         "p.yaml:3: rules[0].correspondent: expected a prefix such as 10.0.0.0/8, got \"example.org\""},
        {"default: [wlan]\nrules:\n  - correspondent: 10.0.0.0/8\n",
         "p.yaml:3: rules[0]: expected one of prefer, only, drop"},
        {"default: [wlan]\nrules:\n  - correspondent: 10.0.0.0/8\n    only: [wlan]\n    drop: true\n",
         "p.yaml:3: rules[0]: expected one of prefer, only, drop"},
        {"default: [wlan]\nrules:\n  - correspondent: 10.0.0.0/8\n    drop: no\n",
         "p.yaml:4: rules[0].drop: expected true, got \"no\""},
        {"default: [wlan]\nrules:\n  - correspondent: 10.0.0.0/8\n    prefer:\n",
         "p.yaml:4: rules[0].prefer: expected a list, got nothing"},
        {"default: [wlan]\nrules:\n  - correspondent: 10.0.0.0/8\n    ports: 80\n    drop: true\n",
         "p.yaml:4: rules[0].ports: ports need a protocol that has them: tcp, udp, dccp, sctp or udplite"},
        {"default: [wlan]\nrules:\n  - correspondent: 10.0.0.0/8\n    protocol: icmp\n    ports: 80\n    drop: true\n",
         "p.yaml:5: rules[0].ports: ports need a protocol that has them: tcp, udp, dccp, sctp or udplite"},
        {"default: [wlan]\nrules:\n  - correspondent: 10.0.0.0/8\n    protocol: tcp\n    ports: 90-80\n    drop: "
         "true\n",
         "p.yaml:5: rules[0].ports: expected a port or a range such as 5000-5999, got \"90-80\""},
        {"default: [wlan]\nrules:\n  - correspondent: 10.0.0.0/8\n    protocol: tcp\n    ports: 65536\n    drop: "
         "true\n",
         "p.yaml:5: rules[0].ports: expected a port or a range such as 5000-5999, got \"65536\""},
        {"default: [wlan]\nrules:\n  - correspondent: 10.0.0.0/8\n    protocol: 256\n    drop: true\n",
         "p.yaml:4: rules[0].protocol: expected icmp, tcp, udp, dccp, sctp, udplite or a number from 1 to 255, got "
         "\"256\""},
        {"default: [wlan\n",
         "p.yaml:2: not valid YAML: did not find expected ',' or ']' while parsing a flow sequence"},
        {"default: *all\n", "p.yaml:1: unknown alias \"*all\""},
        {"default: &a [*a]\n", "p.yaml:1: unknown alias \"*a\""},
        {"default: [wlan]\n---\ndefault: [wlan]\n", "p.yaml:2: a second document; one file holds one"},
        {"default: [wlan]\n\"a\\nb\": 1\n", "p.yaml:2: a?b: unknown key; known here: default, rules"},
        {"? [a]\n: 1\n", "p.yaml:1: ?: unknown key; known here: default, rules"},
    };
    for (const Row& row : rows) {
        const auto read = parse_policy("p.yaml", row.text, kUplinks);
        ASSERT_FALSE(read.ok()) << row.text;
        EXPECT_EQ(read.error().text, row.error) << row.text;
    }
}

TEST(PolicyFile, DeepNestingIsAnError) {
    const auto read = parse_policy("p.yaml", "default: " + std::string(5000, '['), kUplinks);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().text, "p.yaml:1: nested more than 32 levels deep");
}

TEST(PolicyFile, OverlapBeyondTheTableIsAnError) {
    std::string text = "default: [wlan]\nrules:\n";
    for (int port = 1; port <= 8; ++port) {
        text += "  - {correspondent: 10.0.0.0/8, protocol: tcp, ports: " + std::to_string(port) + ", drop: true}\n";
    }
    const auto read = parse_policy("p.yaml", text, kUplinks);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().text.find("p.yaml:1: more than 7 rules with a protocol or ports overlap at 10.0.0.0/8"), 0U);
}

TEST(PolicyFile, AHundredThousandRules) {
    std::string text = "default: [wlan, cellular]\nrules:\n";
    for (int i = 0; i < 100'000; ++i) {
        text += "  - correspondent: 10." + std::to_string(i >> 16) + '.' + std::to_string(i >> 8 & 255) + '.' +
                std::to_string(i & 255) + "/32\n    prefer: [cellular]\n";
    }
    const auto read = parse_policy("p.yaml", text, kUplinks);
    ASSERT_TRUE(read.ok()) << read.error().text;
    EXPECT_EQ(read->policy.rules.size(), 100'000U);
    EXPECT_EQ(read->policy.rules.back().correspondent.to_string(), "10.1.134.159/32");
}

TEST(PolicyFile, AMissingFileIsNamed) {
    const auto read = load_policy("/nonexistent/p.yaml", kUplinks);
    ASSERT_FALSE(read.ok());
    EXPECT_EQ(read.error().text, "/nonexistent/p.yaml: cannot read: No such file or directory");
}

TEST(PolicyFile, ChangesAreToldInOneLine) {
    const auto read = [](const std::string& text) { return parse_policy("p.yaml", text, kUplinks)->policy; };
    const std::string a = "  - {correspondent: 10.0.0.0/8, only: [wlan]}\n";
    const std::string b = "  - {correspondent: 11.0.0.0/8, only: [wlan]}\n";
    const std::string c = "  - {correspondent: 12.0.0.0/8, only: [wlan]}\n";
    const std::string head = "default: [wlan]\nrules:\n";
    struct Row {
        std::string from, to, change;
    };
    const Row rows[] = {
        {head + a + b, head + a + b, "no change"},
        {head + a + b, head + a + b + c, "1 rule added"},
        {head + a + b, head + c + b + c, "2 rules added, 1 rule removed"},
        {head + a + b, head + b + a, "order changed"},
        {head + a + a + b, head + a + b, "1 rule removed"},
        {head + a, "default: [ether]\nrules:\n" + b, "1 rule added, 1 rule removed, default changed"},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(describe(compare(read(row.from), read(row.to))), row.change) << row.from << "->\n" << row.to;
    }
}

}  // namespace
}  // namespace homeward::config
