#include "config/mobile_node.h"

#include <gtest/gtest.h>

#include "scratch.h"

namespace homeward::config {
namespace {

const std::string kMinimal = R"(node:
  nai: a@example.org
  home_agent: 192.0.2.1
  association: {spi: 256, key: 00112233445566778899aabbccddeeff}
uplinks:
  - {name: wlan, interface: wlan0, label: 1}
  - {name: cellular, interface: rmnet0, label: 2, technology: lte}
policy:
  default: [wlan, cellular]
)";

TEST(MobileNode, SampleHoldsTheDefaults) {
    const auto read = load_mobile_node(std::filesystem::path{HOMEWARD_CONFIGS} / "mn.yaml");
    ASSERT_TRUE(read.ok()) << read.error().text;
    MobileNode plain;
    plain.nai = read->nai;
    plain.home_address = read->home_address;
    plain.home_agent = read->home_agent;
    plain.association = read->association;
    plain.uplinks = read->uplinks;
    EXPECT_TRUE(needs_restart(plain, *read).empty()) << needs_restart(plain, *read).front();
    EXPECT_EQ(read->lifetime, plain.lifetime);
    EXPECT_EQ(read->keepalive, plain.keepalive);
    EXPECT_EQ(read->hold_down, plain.hold_down);
    EXPECT_EQ(read->probe_interval, plain.probe_interval);
    EXPECT_EQ(read->probes_unanswered, plain.probes_unanswered);
    EXPECT_EQ(read->rates_interval, plain.rates_interval);
    EXPECT_EQ(read->policy.policy.rules.size(), 4U);
    EXPECT_EQ(read->uplink_names(), (UplinkNames{{"wlan", 1}, {"cellular", 2}}));
    EXPECT_EQ(read->uplinks[1].gateway->to_string(), "10.64.0.1");
}

TEST(MobileNode, MinimalFileIsRead) {
    const Scratch scratch;
    const auto read = load_mobile_node(scratch.write("mn.yaml", kMinimal));
    ASSERT_TRUE(read.ok()) << read.error().text;
    EXPECT_FALSE(read->home_address);
    EXPECT_EQ(read->uplinks.at(0).technology, AccessTechnology::wlan);
    EXPECT_EQ(read->uplinks.at(1).technology, AccessTechnology::lte);
    EXPECT_EQ(read->policy.policy.fallback, (policy::LabelList{1, 2}));
    EXPECT_EQ(read->interface, "homeward0");
}

TEST(MobileNode, ARedundantRuleMayBeWherePacketsHaveNumbers) {
    const Scratch scratch;
    const auto read = load_mobile_node(
        scratch.write("mn.yaml", "tunnel: {sequence_numbers: true}\n" + kMinimal +
                                     "  rules: [{correspondent: 10.0.0.1, prefer: [cellular], mode: redundant}]\n"));
    ASSERT_TRUE(read.ok()) << read.error().text;
    EXPECT_EQ(read->policy.policy.rules.at(0).mode, policy::Mode::redundant);
    EXPECT_EQ(read->policy.policy.rules.at(0).uplinks, (policy::LabelList{2, 1}));
}

TEST(MobileNode, ErrorsSayWhereAndWhatWasExpected) {
    struct Row {
        const char* from;
        const char* to;
        const char* error;
    };
    const Row rows[] = {
        {"  nai: a@example.org\n", "", "mn.yaml:2: node: expected nai, home_address or both"},
        {"nai: a@example.org", "home_address: 192.0.2.1", "mn.yaml:3: node.home_agent: is the home address"},
        {"label: 2", "label: 1", "mn.yaml:7: uplinks[1].label: the label 1 is also that of uplinks[0].label"},
        {"label: 2", "label: 255", "mn.yaml:7: uplinks[1].label: expected a number from 1 to 254, got \"255\""},
        {", label: 2", "", "mn.yaml:7: uplinks[1]: the key \"label\" is missing"},
        {"interface: rmnet0", "interface: wlan0",
         "mn.yaml:7: uplinks[1].interface: the interface wlan0 is also that of uplinks[0].interface"},
        {"interface: rmnet0", "interface: a-device-name-too-long",
         "mn.yaml:7: uplinks[1].interface: expected a name of 1 to 15 characters without '/', ':' or spaces, got "
         "\"a-device-name-too-long\""},
        {"name: cellular", "name: wlan", "mn.yaml:7: uplinks[1].name: the name wlan is also that of uplinks[0].name"},
        {"technology: lte", "technology: 5g",
         "mn.yaml:7: uplinks[1].technology: expected one of virtual, ppp, ethernet, wlan, wimax, gsm, umts, lte, got "
         "\"5g\""},
        {"[wlan, cellular]", "[wlan, wired]",
         "mn.yaml:9: policy.default[1]: expected an uplink (cellular, wlan), got \"wired\""},
        {"policy:\n  default: [wlan, cellular]\n", "", "mn.yaml:1: the key \"policy\" is missing"},
        {"policy:", "tunnel: {interface: wlan0}\npolicy:",
         "mn.yaml:8: tunnel.interface: is the interface of uplink wlan"},
        {"policy:", "tunnel: {fast_path: never}\npolicy:",
         "mn.yaml:8: tunnel.fast_path: expected one of automatic, off, got \"never\""},
        {"policy:", "tunnel: {udp_checksum: none}\npolicy:",
         "mn.yaml:8: tunnel.udp_checksum: expected one of automatic, compute, zero, got \"none\""},
        {"policy:", "tunnel: {mtu: 100}\npolicy:",
         "mn.yaml:8: tunnel.mtu: expected a number from 576 to 9216, got \"100\""},
        {"policy:", "routing: {table: 254}\npolicy:",
         "mn.yaml:8: routing.table: the tables 253 to 255 are the kernel's own"},
        {"policy:", "routing: {routes: [10.0.0.1/8]}\npolicy:",
         "mn.yaml:8: routing.routes[0]: expected a prefix without host bits (10.0.0.0/8), got \"10.0.0.1/8\""},
        {"policy:", "tunnel: {offload: some}\npolicy:",
         "mn.yaml:8: tunnel.offload: expected one of true, false, got \"some\""},
        {"policy:", "routing: {kill_switch: maybe}\npolicy:",
         "mn.yaml:8: routing.kill_switch: expected one of off, on, always, got \"maybe\""},
        {"policy:", "routing: {routes: [10.0.0.0/8], kill_switch: on}\npolicy:",
         "mn.yaml:8: routing.kill_switch: what is not in routing.routes could not leave at all: take everything into "
         "the "
         "tunnel (no routes) and list in routing.excluded what may pass it by"},
        {"policy:", "routing: {dns: [10.0.0.1, 10.0.0.2, 10.0.0.3, 10.0.0.4]}\npolicy:",
         "mn.yaml:8: routing.dns: expected at most 3 servers, got 4"},
        {"policy:", "routing: {dns: [name.example]}\npolicy:",
         "mn.yaml:8: routing.dns[0]: expected the IPv4 address of a host, got \"name.example\""},
        {"policy:", "routing: {excluded: [10.0.0.0/8], dns: [10.1.2.3]}\npolicy:",
         "mn.yaml:8: routing.dns[0]: is in routing.excluded, and a DNS server here is one inside the tunnel"},
        {"policy:", "handover: {rates: often}\npolicy:",
         "mn.yaml:8: handover.rates: expected a time from 0 s to 3600 s with its unit (ms, s, min or h), got "
         "\"often\""},
        {"policy:", "handover: {hold_down: 2}\npolicy:",
         "mn.yaml:8: handover.hold_down: expected a time from 0 s to 600 s with its unit (ms, s, min or h), got \"2\""},
        {"policy:", "tunnel: {sequence_numbers: 1}\npolicy:",
         "mn.yaml:8: tunnel.sequence_numbers: expected one of true, false, got \"1\""},
        {"policy:", "tunnel: {sequence_numbers: true, ip_in_ip: true}\npolicy:",
         "mn.yaml:8: tunnel.ip_in_ip: IP in IP has no place for tunnel.sequence_numbers: one of the two"},
        {"policy:", "handover: {hold: true}\npolicy:",
         "mn.yaml:8: handover.hold: packets must have numbers for that: tunnel.sequence_numbers: true, here and "
         "registration.sequence_numbers: true at the home agent"},
        {"policy:", "tunnel: {sequence_numbers: false}\nhandover: {resend: true}\npolicy:",
         "mn.yaml:9: handover.resend: packets must have numbers for that: tunnel.sequence_numbers: true, here and "
         "registration.sequence_numbers: true at the home agent"},
        {"cellular]\n", "cellular]\n  rules: [{correspondent: 10.0.0.1, prefer: [wlan], mode: redundant}]\n",
         "mn.yaml:9: policy: rules[0].mode: redundant packets must have numbers: tunnel.sequence_numbers: true, here "
         "and registration.sequence_numbers: true at the home agent"},
        {"policy:\n  default: [wlan, cellular]\n", "tunnel: {sequence_numbers: false}\npolicy: twice.yaml\n",
         "mn.yaml:9: policy: rules[1].mode: redundant packets must have numbers: tunnel.sequence_numbers: true, here "
         "and registration.sequence_numbers: true at the home agent"},
        {"policy:", "signal: {source: replay}\npolicy:", "mn.yaml:8: signal: source replay needs a trace"},
        {"policy:", "signal: {leave_below: -130}\npolicy:",
         "mn.yaml:8: signal.leave_below: expected a signal strength in dBm from -120 to 0, got \"-130\""},
        {"policy:", "signal: {leave_below: -70, return_above: -75}\npolicy:",
         "mn.yaml:8: signal.return_above: return_above must be above leave_below, or the node oscillates"},
        {"policy:", "handover: {probes: {interval: 5 ms}}\npolicy:",
         "mn.yaml:8: handover.probes.interval: expected 0 (no probes) or 10 ms and more"},
        {"policy:", "handover: {probes: {unanswered: 0}}\npolicy:",
         "mn.yaml:8: handover.probes.unanswered: expected a number from 1 to 20, got \"0\""},
        {"policy:", "handover: {probes: {patience: 1 s}}\npolicy:",
         "mn.yaml:8: handover.probes.patience: unknown key; known here: interval, unanswered"},
        {"policy:", "hold_down: 2 s\npolicy:",
         "mn.yaml:8: hold_down: unknown key; known here: node, uplinks, policy, registration, tunnel, routing, "
         "handover, signal, position, engine"},
    };
    const Scratch scratch;
    scratch.write("twice.yaml",
                  "default: [wlan, cellular]\nrules:\n  - {correspondent: 10.0.0.1, prefer: [wlan]}\n"
                  "  - {correspondent: 10.0.0.2, prefer: [wlan], mode: redundant}\n");
    for (const Row& row : rows) {
        const auto read = load_mobile_node(scratch.write("mn.yaml", with(kMinimal, row.from, row.to)));
        const std::string text = read.ok() ? "" : scratch.without_path(read.error().text);
        EXPECT_EQ(text, row.error) << row.from << " -> " << row.to;
    }
}

TEST(MobileNode, NeedsRestartNamesTheKeys) {
    const Scratch scratch;
    const auto current = load_mobile_node(scratch.write("mn.yaml", kMinimal));
    ASSERT_TRUE(current.ok()) << current.error().text;
    MobileNode next = *current;
    next.policy = {};
    next.lifetime = std::chrono::seconds{5};
    EXPECT_TRUE(needs_restart(*current, next).empty());
    next.uplinks.pop_back();
    next.association.key[0] ^= 1U;
    EXPECT_EQ(needs_restart(*current, next), (std::vector<std::string>{"node.association", "uplinks"}));
}

}  // namespace
}  // namespace homeward::config
