#include "config/home_agent.h"

#include <gtest/gtest.h>

#include "config/file_kind.h"
#include "scratch.h"

namespace homeward::config {
namespace {

constexpr const char* kKey = "00112233445566778899aabbccddeeff";

const std::string kMinimal = R"(home_agent: {address: 192.0.2.1}
ports:
  - {name: access, device: net_null0, addresses: [192.0.2.1/24]}
  - {name: home, device: net_null1, addresses: [10.10.0.1/24]}
home_networks:
  - prefix: 10.10.0.0/24
    port: home
    pool: [10.10.0.100-10.10.0.199, 10.10.0.210]
uplinks: {wlan: 1, cellular: 2}
nodes:
  - nai: a@example.org
    associations: [{spi: 256, key: 00112233445566778899aabbccddeeff}]
  - home_address: 10.10.0.5
    policy: {default: [cellular]}
    associations: [{spi: 300, algorithm: hmac-sha256, replay: nonce, key_file: b.key}]
)";

TEST(HomeAgent, SampleHoldsTheDefaults) {
    const auto read = load_home_agent(std::filesystem::path{HOMEWARD_CONFIGS} / "ha.yaml");
    ASSERT_TRUE(read.ok()) << read.error().text;
    HomeAgent plain;
    plain.address = read->address;
    plain.ports = read->ports;
    EXPECT_TRUE(needs_restart(plain, *read).empty()) << needs_restart(plain, *read).front();
    const Registration defaults;
    const Registration& sample = read->registration;
    EXPECT_EQ(sample.max_lifetime, defaults.max_lifetime);
    EXPECT_EQ(sample.timestamp_tolerance, defaults.timestamp_tolerance);
    EXPECT_EQ(sample.keepalive, defaults.keepalive);
    EXPECT_EQ(sample.nat_traversal, defaults.nat_traversal);
    EXPECT_EQ(sample.forced_udp, defaults.forced_udp);
    EXPECT_EQ(sample.ip_in_ip, defaults.ip_in_ip);
    EXPECT_EQ(sample.require_reverse_tunnel, defaults.require_reverse_tunnel);
    EXPECT_EQ(sample.multipath, defaults.multipath);
    EXPECT_EQ(sample.answer_failed_authentication, defaults.answer_failed_authentication);
    EXPECT_EQ(sample.accept_zero_udp_checksum, defaults.accept_zero_udp_checksum);
    EXPECT_EQ(sample.max_bindings_per_node, defaults.max_bindings_per_node);
    EXPECT_EQ(sample.max_bindings, defaults.max_bindings);
    EXPECT_EQ(sample.max_rules_per_node, defaults.max_rules_per_node);
    EXPECT_EQ(sample.requests_per_source_per_s, defaults.requests_per_source_per_s);
    EXPECT_EQ(sample.organization, defaults.organization);
    EXPECT_EQ(sample.dataplane_wait, defaults.dataplane_wait);
    EXPECT_EQ(read->dataplane.udp_checksum, Dataplane{}.udp_checksum);
    EXPECT_EQ(read->dataplane.ecn, Dataplane{}.ecn);
    EXPECT_EQ(read->dataplane.clamp_mss, Dataplane{}.clamp_mss);
    EXPECT_EQ(read->dataplane.icmp_errors_per_s, Dataplane{}.icmp_errors_per_s);
    EXPECT_EQ(read->ports[1].twin, "hw-home");
    EXPECT_EQ(read->nodes.at(0).policy->policy.rules.size(), 4U);
    EXPECT_EQ(read->nodes[0].associations.at(0).key.size(), 32U);
}

TEST(HomeAgent, MinimalFileIsRead) {
    const Scratch scratch;
    scratch.write("b.key", std::string{kKey} + "\n");
    const auto read = load_home_agent(scratch.write("ha.yaml", kMinimal));
    ASSERT_TRUE(read.ok()) << read.error().text;
    EXPECT_EQ(read->home_networks.at(0).pool.size(), 2U);
    EXPECT_EQ(read->home_networks[0].pool[1].first, read->home_networks[0].pool[1].last);
    EXPECT_FALSE(read->nodes.at(0).home_address);
    EXPECT_EQ(read->nodes.at(1).associations.at(0).replay, Replay::nonce);
    EXPECT_EQ(read->nodes[1].associations[0].key, read->nodes[0].associations.at(0).key);
    EXPECT_EQ(read->nodes[1].policy->policy.fallback, (policy::LabelList{2}));
    EXPECT_TRUE(read->warnings.empty());
}

TEST(HomeAgent, AKeyThatEverybodyMayReadIsWarnedOf) {
    const Scratch scratch;
    scratch.write("b.key", kKey, 0644);
    const auto read = load_home_agent(scratch.write("ha.yaml", kMinimal));
    ASSERT_TRUE(read.ok()) << read.error().text;
    ASSERT_EQ(read->warnings.size(), 1U);
    EXPECT_EQ(
        scratch.without_path(read->warnings[0]),
        "ha.yaml:15: nodes[1].associations[0].key_file: b.key holds a key and may be read by everybody; chmod o-r "
        "it");
}

TEST(HomeAgent, ErrorsSayWhereAndWhatWasExpected) {
    struct Row {
        const char* from;
        const char* to;
        const char* error;
    };
    const Row rows[] = {
        {"192.0.2.1}", "224.0.0.1}",
         "ha.yaml:1: home_agent.address: expected the IPv4 address of a host, got \"224.0.0.1\""},
        {"{address: 192.0.2.1}", "{}", "ha.yaml:1: home_agent: the key \"address\" is missing"},
        {"home_agent:", "home_agnet:", "ha.yaml:1: home_agnet: unknown key; did you mean \"home_agent\"?"},
        {"name: home", "name: access", "ha.yaml:4: ports[1].name: the name access is also that of ports[0].name"},
        {"name: home", "name: home, twin: hw-access",
         "ha.yaml:4: ports[1]: the twin hw-access is also that of ports[0]"},
        {"name: home", "name: a-longer-port",
         "ha.yaml:4: ports[1]: the twin's name would be hw-a-longer-port, longer than 15 characters; give it with "
         "twin:"},
        {"name: home", "name: a/b",
         "ha.yaml:4: ports[1].name: expected a name of 1 to 15 characters without '/', ':' or spaces, got \"a/b\""},
        {"10.10.0.1/24", "10.10.0.1",
         "ha.yaml:4: ports[1].addresses[0]: expected an address with its prefix length such as 192.0.2.1/24, got "
         "\"10.10.0.1\""},
        {"net_null1", "net_null0",
         "ha.yaml:4: ports[1].device: port access is on it, too, untagged; give one of them another vlan:"},
        {"net_null1", "net_null0, vlan: 4095",
         "ha.yaml:4: ports[1].vlan: expected a number from 1 to 4094, got \"4095\""},
        {"net_null1", "\"net_null0,copy=1\", vlan: 100",
         "ha.yaml:4: ports[1].device: port access has the same device with other arguments: net_null0"},
        {"port: home\n", "port: hom\n",
         "ha.yaml:7: home_networks[0].port: expected a port (access, home), got \"hom\""},
        {"10.10.0.210", "10.10.0.150-10.10.0.151",
         "ha.yaml:8: home_networks[0].pool[1]: overlaps with 10.10.0.100-10.10.0.199"},
        {"10.10.0.210", "10.10.1.210",
         "ha.yaml:8: home_networks[0].pool[1]: expected addresses of the home network 10.10.0.0/24"},
        {"10.10.0.210", "10.10.0.255",
         "ha.yaml:8: home_networks[0].pool[1]: the first and the last address of 10.10.0.0/24 belong to no host"},
        {"10.10.0.210", "10.10.0.1", "ha.yaml:8: home_networks[0].pool[1]: holds 10.10.0.1, an address of port home"},
        {"10.10.0.210", "10.10.0.9-10.10.0.8",
         "ha.yaml:8: home_networks[0].pool[1]: expected a range of addresses such as 192.0.2.10-192.0.2.99, got "
         "\"10.10.0.9-10.10.0.8\""},
        {"    pool: [10.10.0.100-10.10.0.199, 10.10.0.210]\n", "  - prefix: 10.10.0.128/25\n",
         "ha.yaml:8: home_networks[1].prefix: overlaps with the home network 10.10.0.0/24"},
        {"    pool: [10.10.0.100-10.10.0.199, 10.10.0.210]\n", "",
         "ha.yaml:10: nodes[0]: a node without home_address needs a home network with a pool"},
        {"cellular: 2}", "cellular: 1}", "ha.yaml:9: uplinks.cellular: the label 1 is also that of uplinks.wlan"},
        {"cellular: 2}", "cellular: 256}", "ha.yaml:9: uplinks.cellular: expected a number from 1 to 255, got \"256\""},
        {"cellular: 2}", "wlan: 2}", "ha.yaml:9: uplinks.wlan: the key stands here a second time"},
        {"nai: a@example.org", "max_bindings: 2", "ha.yaml:11: nodes[0]: expected nai, home_address or both"},
        {"nai: a@example.org", "max_bindings: 9\n    nai: x",
         "ha.yaml:11: nodes[0].max_bindings: expected a number from 1 to 8, got \"9\""},
        {"spi: 256", "spi: abc",
         "ha.yaml:12: nodes[0].associations[0].spi: expected a number from 256 to 4294967295, got \"abc\""},
        {"spi: 256", "spi: 255",
         "ha.yaml:12: nodes[0].associations[0].spi: expected a number from 256 to 4294967295, got \"255\""},
        {"{spi: 256, key: 00112233445566778899aabbccddeeff}",
         "{spi: 256, key: 00112233445566778899aabbccddeeff}, {spi: 256, key: 00112233445566778899aabbccddeeff}",
         "ha.yaml:12: nodes[0].associations[1]: the SPI 256 is also that of nodes[0].associations[0]"},
        {"key: 0011", "key: x011",
         "ha.yaml:12: nodes[0].associations[0].key: expected a key of 16 to 64 bytes as hexadecimal digits, got "
         "something else"},
        {"key: 0011", "key: 11",
         "ha.yaml:12: nodes[0].associations[0].key: expected a key of 16 to 64 bytes as hexadecimal digits, got "
         "something else"},
        {", key: 00112233445566778899aabbccddeeff", "",
         "ha.yaml:12: nodes[0].associations[0]: expected either key or key_file"},
        {"b.key", "c.key",
         "ha.yaml:15: nodes[1].associations[0].key_file: c.key: cannot read: No such file or directory"},
        {"b.key", "bad.key",
         "ha.yaml:15: nodes[1].associations[0].key_file: bad.key: expected a key of 16 to 64 bytes as hexadecimal "
         "digits, got something else"},
        {"hmac-sha256", "hmac-sha1",
         "ha.yaml:15: nodes[1].associations[0].algorithm: expected one of hmac-md5, hmac-sha256, got \"hmac-sha1\""},
        {"10.10.0.5", "10.10.0.150", "ha.yaml:13: nodes[1].home_address: lies in the pool 10.10.0.100-10.10.0.199"},
        {"10.10.0.5", "10.11.0.5",
         "ha.yaml:13: nodes[1].home_address: expected an address of a home network, got \"10.11.0.5\""},
        {"10.10.0.5", "10.10.0.1", "ha.yaml:13: nodes[1].home_address: is an address of port home"},
        {"address: 192.0.2.1}", "address: 10.10.0.5}", "ha.yaml:13: nodes[1].home_address: is home_agent.address"},
        {"address: 192.0.2.1}", "address: 10.10.0.150}",
         "ha.yaml:8: home_networks[0].pool[0]: holds home_agent.address 10.10.0.150"},
        {"nai: a@example.org", "home_address: 10.10.0.5",
         "ha.yaml:13: nodes[1].home_address: the home address 10.10.0.5 is also that of nodes[0].home_address"},
        {"nai: a@example.org", "nai: \"a b\"",
         "ha.yaml:11: nodes[0].nai: expected a network access identifier such as user@example.org, got \"a b\""},
        {"{default: [cellular]}", "{default: [lte]}",
         "ha.yaml:14: nodes[1].policy.default[0]: expected an uplink (cellular, wlan), got \"lte\""},
        {"{default: [cellular]}",
         "{default: [cellular, wlan], rules: [{correspondent: 10.0.0.1, prefer: [wlan], mode: redundant}]}",
         "ha.yaml:13: nodes[1]: rules[0].mode of its policy: redundant packets must have numbers: "
         "registration.sequence_numbers: true"},
        {"{default: [cellular]}", "none.yaml",
         "ha.yaml:14: nodes[1].policy: none.yaml: cannot read: No such file or directory"},
        {"{default: [cellular]}", "bad.yaml", "bad.yaml:2: rules: expected a list, got \"none\""},
        {"uplinks:", "registration: {max_lifetime: 60}\nuplinks:",
         "ha.yaml:9: registration.max_lifetime: expected a time from 1 s to 65534 s with its unit (ms, s, min or h), "
         "got \"60\""},
        {"uplinks:", "registration: {max_lifetime: 1500 ms}\nuplinks:",
         "ha.yaml:9: registration.max_lifetime: expected whole seconds, got \"1500 ms\""},
        {"uplinks:", "registration: {multipath: on}\nuplinks:",
         "ha.yaml:9: registration.multipath: expected one of true, false, got \"on\""},
        {"uplinks:", "dataplane: {memory: 512}\nuplinks:",
         "ha.yaml:9: dataplane.memory: expected a size from 64 MB to 1048576 MB with its unit (MB or GB), got \"512\""},
        {"uplinks:", "dataplane: {exception_pps: {arp: many}}\nuplinks:",
         "ha.yaml:9: dataplane.exception_pps.arp: expected a number from 0 to 10000000, got \"many\""},
        {"uplinks:", "dataplane: {reassembly: {datagrams: 8}}\nuplinks:",
         "ha.yaml:9: dataplane.reassembly.datagrams: expected a number from 16 to 65536, got \"8\""},
        {"uplinks:", "dataplane: {reassembly: {memory: 4}}\nuplinks:",
         "ha.yaml:9: dataplane.reassembly.memory: expected a size from 1 MB to 1024 MB with its unit (MB or GB), got "
         "\"4\""},
        {"uplinks:", "dataplane: {reassembly: {timeout: 5 ms}}\nuplinks:",
         "ha.yaml:9: dataplane.reassembly.timeout: expected a time from 10 ms to 60 s with its unit (ms, s, min or h), "
         "got \"5 ms\""},
        {"uplinks:", "dataplane: {reassembly: {datagram: 64}}\nuplinks:",
         "ha.yaml:9: dataplane.reassembly.datagram: unknown key; did you mean \"datagrams\"?"},
        {"uplinks:", "dataplane: {redistribution: on}\nuplinks:",
         "ha.yaml:9: dataplane.redistribution: expected one of automatic, never, always, got \"on\""},
        {"uplinks:", "dataplane: {workers: 0}\nuplinks:",
         "ha.yaml:9: dataplane.workers: expected a number from 1 to 127, got \"0\""},
    };
    const Scratch scratch;
    scratch.write("b.key", kKey);
    scratch.write("bad.key", "00112233445566778899aabbccddeefg");
    scratch.write("bad.yaml", "default: [wlan]\nrules: none\n");
    for (const Row& row : rows) {
        const auto read = load_home_agent(scratch.write("ha.yaml", with(kMinimal, row.from, row.to)));
        const std::string text = read.ok() ? "" : scratch.without_path(read.error().text);
        EXPECT_EQ(text, row.error) << row.from << " -> " << row.to;
    }
}

TEST(HomeAgent, UnitsAreRead) {
    const Scratch scratch;
    scratch.write("b.key", kKey);
    const auto read = load_home_agent(
        scratch.write("ha.yaml", kMinimal + "registration: {max_lifetime: 2 min, keepalive: 1h, dataplane_wait: 1 s}\n"
                                            "dataplane: {memory: 2 GB, cores: \"0,2-3\", eal: [--no-pci],\n"
                                            "  reassembly: {datagrams: 64, memory: 16 MB, timeout: 250 ms}}\n"));
    ASSERT_TRUE(read.ok()) << read.error().text;
    EXPECT_EQ(read->registration.max_lifetime, std::chrono::seconds{120});
    EXPECT_EQ(read->registration.keepalive, std::chrono::seconds{3600});
    EXPECT_EQ(read->registration.dataplane_wait, std::chrono::seconds{1});
    EXPECT_EQ(read->dataplane.memory_mb, 2048U);
    EXPECT_EQ(read->dataplane.reassembly_datagrams, 64U);
    EXPECT_EQ(read->dataplane.reassembly_memory_mb, 16U);
    EXPECT_EQ(read->dataplane.reassembly_timeout_ms, 250U);
}

TEST(HomeAgent, OneDeviceHasPortsOnSeveralVlans) {
    const Scratch scratch;
    scratch.write("b.key", kKey);
    const auto text =
        with(kMinimal, "net_null1", "net_null0, vlan: 4094") + "dataplane: {workers: 2, redistribution: always}\n";
    const auto read = load_home_agent(scratch.write("ha.yaml", text));
    ASSERT_TRUE(read.ok()) << read.error().text;
    EXPECT_EQ(read->ports[0].vlan, 0);
    EXPECT_EQ(read->ports[1].device, read->ports[0].device);
    EXPECT_EQ(read->ports[1].vlan, 4094);
    EXPECT_EQ(read->dataplane.redistribution, Redistribution::always);
}

TEST(HomeAgent, NeedsRestartNamesTheKeys) {
    const Scratch scratch;
    scratch.write("b.key", kKey);
    const auto current = load_home_agent(scratch.write("ha.yaml", kMinimal));
    ASSERT_TRUE(current.ok()) << current.error().text;
    HomeAgent next = *current;
    next.nodes.clear();
    next.registration.max_lifetime = std::chrono::seconds{5};
    next.dataplane.clamp_mss = false;
    next.home_networks[0].pool.clear();
    EXPECT_TRUE(needs_restart(*current, next).empty());
    next.dataplane.workers = 3;
    next.dataplane.redistribution = Redistribution::never;
    next.ports[0].vlan = 9;
    next.dataplane.reassembly_timeout_ms = 5;
    next.state = "elsewhere.db";
    EXPECT_EQ(needs_restart(*current, next),
              (std::vector<std::string>{"home_agent.state", "ports", "dataplane.workers", "dataplane.redistribution",
                                        "dataplane.reassembly.timeout"}));
}

TEST(FileKind, ToldByTheTopLevelKeys) {
    const std::filesystem::path configs{HOMEWARD_CONFIGS};
    struct Row {
        const char* file;
        FileKind kind;
        const char* says;
    };
    const Row rows[] = {
        {"ha.yaml", FileKind::home_agent, "home agent 192.147.23.11: 2 ports, 1 home network, 1 node"},
        {"mn.yaml", FileKind::mobile_node, "mobile node phone@example.org: 2 uplinks, policy of 4 rules"},
        {"policy.yaml", FileKind::policy, "policy of 4 rules; default wlan, cellular"},
    };
    for (const Row& row : rows) {
        const auto kind = recognise(configs / row.file);
        ASSERT_TRUE(kind.ok()) << kind.error().text;
        EXPECT_EQ(*kind, row.kind) << row.file;
        const auto says = check(configs / row.file);
        ASSERT_TRUE(says.ok()) << says.error().text;
        EXPECT_EQ(*says, row.says);
    }
    const Scratch scratch;
    const auto neither = recognise(scratch.write("x.yaml", "a: 1\n"));
    ASSERT_FALSE(neither.ok());
    EXPECT_EQ(scratch.without_path(neither.error().text),
              "x.yaml:1: expected home_agent (a home agent), node (a mobile node) or default (a policy) at the top");
}

}  // namespace
}  // namespace homeward::config
