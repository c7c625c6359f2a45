// The fast path's programs in the running kernel, packet by packet: packet and map state in; packet, verdict and
// counters out. Down by BPF_PROG_TEST_RUN; up also on a real L3 device, because a test run always has a link header.
//
//     this namespace:   home0 (TUN, as homeward0) ──egress──► wwan0 (TUN: no link header), wlan0 (veth: Ethernet)
//
// Skipped, with the kernel's reason, where programs may not be loaded.
#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/if_packet.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "bpf_steering/fast_path.h"
#include "bpf_steering/flow_counts.h"
#include "homeward/tunnel.h"
#include "packets.h"
#include "policy/spread.h"

namespace homeward::bpf {
namespace {

constexpr std::uint8_t kWlan = 1, kWwan = 2;
constexpr std::uint16_t kPort = 4434, kMtu = 1468;
constexpr std::uint8_t kIpip = 4;
constexpr int kTaken = TC_ACT_REDIRECT, kLeft = TC_ACT_UNSPEC;
constexpr std::uint64_t kFirstCpu = 1;  // as a mask

/// What the home agent sends: Ethernet, outer headers, inner packet.
Bytes tunnelled(const Bytes& packet, std::uint8_t tos = 0) {
    Bytes bytes(14 + HOMEWARD_TUNNEL_OVERHEAD, 0);
    bytes[12] = 8;
    bytes[14] = 0x45;
    bytes[15] = tos;
    put16(bytes, 16, packet.size() + 32);
    bytes[20] = 0x40;
    bytes[22] = 60;
    bytes[23] = kUdp;
    put_address(bytes, 26, "192.0.2.1");
    put_address(bytes, 30, "10.1.1.2");
    put16(bytes, 24, checksum(bytes, 14));
    put16(bytes, 34, HOMEWARD_MIP_PORT);
    put16(bytes, 36, kPort);
    put16(bytes, 38, packet.size() + 12);
    bytes[42] = HOMEWARD_TUNNEL_TYPE_DATA;
    bytes[43] = HOMEWARD_NEXT_HEADER_IPV4;
    bytes.insert(bytes.end(), packet.begin(), packet.end());
    return bytes;
}

/// The same without UDP (RFC 2003).
Bytes plainly_tunnelled(const Bytes& packet, std::uint8_t tos = 0) {
    Bytes bytes = tunnelled({}, tos);
    bytes.resize(14 + 20);
    bytes[23] = kIpip;
    put16(bytes, 16, packet.size() + 20);
    put16(bytes, 24, 0);
    put16(bytes, 24, checksum(bytes, 14));
    bytes.insert(bytes.end(), packet.begin(), packet.end());
    return bytes;
}

/// virtio_net_hdr, whose own header C++ does not read.
struct VnetHeader {
    std::uint8_t flags, gso_type;
    std::uint16_t hdr_len, gso_size, csum_start, csum_offset;
};

class FastPathTest : public testing::Test {
  protected:
    static void SetUpTestSuite() { ASSERT_EQ(::unshare(CLONE_NEWNET), 0) << std::strerror(errno); }

    void SetUp() override {
        Result<std::unique_ptr<Steering>> loaded = Steering::load();
        if (!loaded) {
            GTEST_SKIP() << loaded.error().text;
        }
        steering = std::move(*loaded);
        home_tun = open_tun("home0");
        uplink_tun = open_tun("wwan0");
        sh("ip link add wlan0 type veth peer name ap0");
        sh("ip link set wlan0 up && ip link set ap0 up && ip link set home0 mtu 1468 up && ip link set wwan0 up");
        sh("ip address add 10.2.2.2/24 dev wwan0");
        Policy policy;
        policy.fallback = {kWlan, kWwan};
        policy.rules.push_back({*wire::Ipv4Prefix::parse("203.0.113.0/24"), kUdp, {5000, 5999}, {kWwan, kWlan}});
        publish(policy);
        usable(kWlan, true);
        usable(kWwan, true);
        open({});
    }
    void TearDown() override {
        fast.reset();
        if (home_tun) {
            sh("ip link del wlan0");
        }
    }
    using Policy = policy::Policy;

    void open(const std::string& up_off) {
        fast = FastPath::open(*steering, {index("home0"), false, up_off});
        known.interface = index("wlan0");
        known.care_of = ip("10.1.1.2");
        known.home_agent = ip("192.0.2.1");
        known.home_address = ip(kHome);
        known.next_hop = ip("10.1.1.1");
        known.port = kPort;
        known.path_mtu = known.interface_mtu = kMtu;
        known.clamp_mss = true;
        fast->set(kWlan, known);
        FastPath::Uplink other = known;
        other.interface = index("wwan0");
        other.care_of = ip("10.2.2.2");
        other.next_hop = {};
        fast->set(kWwan, other);
    }
    static int index(const char* name) { return static_cast<int>(::if_nametoindex(name)); }
    void publish(const Policy& policy) {
        const Result<policy::Table> table = policy::Table::compile(policy);
        ASSERT_TRUE(table) << table.error().text;
        Result<UniqueFd> trie = Steering::fill(*table);
        ASSERT_TRUE(trie) << trie.error().text;
        ASSERT_TRUE(steering->swap(*trie, policy.rules.size()));
    }
    void usable(policy::Label label, bool value) { ASSERT_TRUE(steering->set_uplink(label, value, label)); }

    /// `segment`: not 0 for what the link joined to one large segment of such packets.
    Outcome down(const Bytes& frame, std::uint32_t segment = 0) const {
        __sk_buff context{};
        context.ifindex = static_cast<std::uint32_t>(index("wlan0"));
        context.gso_size = segment;
        return run(fast->down_fd(), frame, context);
    }
    int up(const Bytes& packet) const { return run(fast->up_fd(), packet, {}).verdict; }

    std::unique_ptr<Steering> steering;
    std::unique_ptr<FastPath> fast;
    FastPath::Uplink known;
    UniqueFd home_tun, uplink_tun;
};

Bytes changed(Bytes frame, std::size_t at, std::uint8_t value) {
    frame[at] = value;
    return frame;
}

struct DownRow {
    const char* name;
    Bytes frame;
    int verdict;
};

TEST_F(FastPathTest, DownRows) {
    const Bytes good = tunnelled(inner({}));
    Bytes longer = good;
    longer.push_back(0);
    Bytes options = good;
    options.insert(options.begin() + 34, 4, 1);
    options[14] = 0x46;
    Bytes inner_length = good;
    put16(inner_length, 14 + 32 + 2, 99);
    const std::vector<DownRow> rows{
        {"ordinary", good, kTaken},
        {"outer checksum present", changed(good, 40, 0x12), kTaken},
        {"tcp data", tunnelled(inner({.protocol = kTcp})), kTaken},
        {"another's echo", tunnelled(inner({.protocol = kIcmp})), kTaken},
        {"inner fragment", tunnelled(inner({.protocol = kTcp, .tcp_flags = kSyn, .fragment = 8})), kTaken},
        {"as large as the interface", tunnelled(inner({.size = kMtu})), kTaken},
        {"larger", tunnelled(inner({.size = kMtu + 1})), kLeft},
        {"not the home agent", changed(good, 29, 9), kLeft},
        {"not its port", changed(good, 35, 9), kLeft},
        {"not our port", changed(good, 37, 9), kLeft},
        {"not the care-of address", changed(good, 33, 9), kLeft},
        {"not UDP", changed(good, 23, kTcp), kLeft},
        {"outer first fragment", changed(good, 20, 0x20), kLeft},
        {"outer later fragment", changed(good, 21, 8), kLeft},
        {"outer options", options, kLeft},
        {"registration reply", changed(good, 42, 3), kLeft},
        {"another encapsulation", changed(good, 43, 47), kLeft},
        {"trailing byte", longer, kLeft},
        {"UDP length", changed(good, 39, 100), kLeft},
        {"inner length", inner_length, kLeft},
        {"inner IPv6", changed(good, 46, 0x65), kLeft},
        {"inner options", changed(good, 46, 0x46), kLeft},
        {"inner checksum", changed(good, 46 + 8, 9), kLeft},
        {"not the home address", tunnelled(inner({.to = "8.0.0.13"})), kLeft},
        {"keepalive's size", tunnelled(inner({.protocol = kIcmp, .size = 36})), kLeft},
        {"SYN to be clamped", tunnelled(inner({.protocol = kTcp, .tcp_flags = kSyn})), kLeft},
        {"SYN and ACK", tunnelled(inner({.protocol = kTcp, .tcp_flags = kSyn | kAck})), kLeft},
        {"cut off", Bytes(good.begin(), good.begin() + 60), kLeft},
        {"ARP", changed(good, 13, 6), kLeft},
    };
    FastPath::Traffic expected{};
    for (const DownRow& row : rows) {
        const Outcome outcome = down(row.frame);
        EXPECT_EQ(outcome.verdict, row.verdict) << row.name;
        if (row.verdict == kLeft) {
            EXPECT_EQ(outcome.packet, row.frame) << row.name << ": what is left to others is left as it was";
            continue;
        }
        Bytes stripped(row.frame.begin(), row.frame.begin() + 14);
        stripped.insert(stripped.end(), row.frame.begin() + 46, row.frame.end());
        EXPECT_EQ(outcome.packet, stripped) << row.name;
        ++expected.packets;
        expected.bytes += row.frame.size() - 46;
    }
    EXPECT_EQ(fast->received(kWlan).packets, expected.packets);
    EXPECT_EQ(fast->received(kWlan).bytes, expected.bytes);
    EXPECT_EQ(fast->received(kWwan).packets, 0U);
}

TEST_F(FastPathTest, PlainDownRows) {
    const Bytes good = plainly_tunnelled(inner({}));
    EXPECT_EQ(down(good).verdict, kLeft) << "nobody agreed to it";
    known.takes_plain = true;
    fast->set(kWlan, known);
    Bytes longer = good;
    longer.push_back(0);
    const std::vector<DownRow> rows{
        {"ordinary", good, kTaken},
        {"tcp data", plainly_tunnelled(inner({.protocol = kTcp})), kTaken},
        {"as large as the interface", plainly_tunnelled(inner({.size = kMtu})), kTaken},
        {"larger", plainly_tunnelled(inner({.size = kMtu + 1})), kLeft},
        {"not the home agent", changed(good, 29, 9), kLeft},
        {"not the care-of address", changed(good, 33, 9), kLeft},
        {"outer first fragment", changed(good, 20, 0x20), kLeft},
        {"outer options", changed(good, 14, 0x46), kLeft},
        {"trailing byte", longer, kLeft},
        {"inner IPv6", changed(good, 34, 0x65), kLeft},
        {"inner length", changed(good, 37, 99), kLeft},
        {"inner checksum", changed(good, 34 + 8, 9), kLeft},
        {"not the home address", plainly_tunnelled(inner({.to = "8.0.0.13"})), kLeft},
        {"congestion the inner packet cannot say", plainly_tunnelled(inner({}), 3), kLeft},
        {"keepalive's size", plainly_tunnelled(inner({.protocol = kIcmp, .size = 36})), kLeft},
        {"SYN to be clamped", plainly_tunnelled(inner({.protocol = kTcp, .tcp_flags = kSyn})), kLeft},
        {"cut off", Bytes(good.begin(), good.begin() + 50), kLeft},
    };
    for (const DownRow& row : rows) {
        const Outcome outcome = down(row.frame);
        EXPECT_EQ(outcome.verdict, row.verdict) << row.name;
        Bytes expected = row.frame;
        if (row.verdict == kTaken) {
            expected.erase(expected.begin() + 14, expected.begin() + 34);
        }
        EXPECT_EQ(outcome.packet, expected) << row.name;
    }
    EXPECT_EQ(fast->received(kWlan).packets, 3U);
    EXPECT_EQ(down(tunnelled(inner({}))).verdict, kTaken) << "UDP's are taken as well: the answer may be on its way";
}

struct JoiningRow {
    const char* name;
    Inner packet;
    bool joined = false;
};

TEST_F(FastPathTest, TcpDataGoesToTheJoiner) {
    constexpr std::uint8_t kFin = 1, kPush = 8;
    const std::vector<JoiningRow> rows{
        {"data", {.protocol = kTcp}, true},
        {"data with PSH", {.protocol = kTcp, .tcp_flags = kAck | kPush}, true},
        {"one byte", {.protocol = kTcp, .size = 41}, true},
        {"bare ACK", {.protocol = kTcp, .size = 40}},
        {"bare FIN stays behind the data", {.protocol = kTcp, .size = 40, .tcp_flags = kAck | kFin}, true},
        {"fragment", {.protocol = kTcp, .fragment = 8}},
        {"UDP", {.protocol = kUdp}},
    };
    std::uint64_t expected = 0;
    for (const JoiningRow& row : rows) {
        EXPECT_EQ(down(tunnelled(inner(row.packet))).verdict, kTaken) << row.name;
        expected += row.joined ? 1 : 0;
        EXPECT_EQ(fast->joined(kWlan), expected) << row.name;
    }
}

TEST_F(FastPathTest, NothingOvertakesALargeSegment) {
    ASSERT_EQ(::sched_setaffinity(0, sizeof kFirstCpu, reinterpret_cast<const cpu_set_t*>(&kFirstCpu)), 0)
        << "what is seen is kept per CPU";
    // A test run cannot say that the segment is TCP's, so the kernel does not let the program strip it, which by then
    // has noted it.
    EXPECT_EQ(down(tunnelled(inner({.protocol = kTcp, .size = 1240})), 400).verdict, kLeft);
    for (int i = 0; i < 64; ++i) {
        EXPECT_EQ(down(tunnelled(inner({.protocol = kTcp}))).verdict, kTaken);
    }
    EXPECT_EQ(fast->joined(kWlan), 0U);
    EXPECT_EQ(down(tunnelled(inner({.protocol = kTcp}))).verdict, kTaken);
    EXPECT_EQ(fast->joined(kWlan), 1U);
}

TEST_F(FastPathTest, TheJoinerIsReplacedWhenSomebodyTakesItAway) {
    EXPECT_EQ(fast->down(kWlan).reason, "joins TCP segments");
    sh("ip link del home0-in");
    EXPECT_TRUE(fast->repair());
    EXPECT_FALSE(fast->repair());
    sh("ip link show home0-gro | grep -q LOWER_UP && ! ip -6 address show dev home0-gro | grep -q inet6");
    sh("tc filter show dev home0-gro ingress | grep -q homeward_joined");
    EXPECT_EQ(down(tunnelled(inner({.protocol = kTcp}))).verdict, kTaken);
    EXPECT_EQ(fast->joined(kWlan), 1U);
    fast.reset();
    sh("! ip link show home0-in 2>/dev/null && ! ip link show home0-gro 2>/dev/null");
}

TEST_F(FastPathTest, WithoutAJoinerSegmentsStayApart) {
    fast.reset();
    UniqueFd somebodys = open_tun("home0-in");
    open({});
    const FastPath::Way way = fast->down(kWlan);
    EXPECT_TRUE(way.fast);
    EXPECT_EQ(way.reason, "TCP segments stay apart: there is another device called home0-in");
    EXPECT_EQ(down(tunnelled(inner({.protocol = kTcp}))).verdict, kTaken);
    EXPECT_EQ(fast->joined(kWlan), 0U);
    fast.reset();
    sh("ip link show home0-in >/dev/null");
}

TEST_F(FastPathTest, AJoinerThatAnEarlierRunLeftIsReplaced) {
    fast.reset();
    sh("ip link add home0-in type veth peer name home0-gro");
    open({});
    EXPECT_EQ(fast->down(kWlan).reason, "joins TCP segments");
}

/// RFC 6040, section 4.2; -1: user space drops it and says so. As combine_ecn in mn-agent/tunnel.
TEST_F(FastPathTest, EcnIsCombined) {
    constexpr std::array<std::array<int, 4>, 4> kTable{// outer: Not-ECT, ECT(1), ECT(0), CE
                                                       {{0, 0, 0, -1}, {1, 1, 1, 3}, {2, 1, 2, 3}, {3, 3, 3, 3}}};
    for (std::uint8_t in = 0; in < 4; ++in) {
        for (std::uint8_t out = 0; out < 4; ++out) {
            const Outcome outcome = down(
                tunnelled(inner({.tos = static_cast<std::uint8_t>(0xb8 | in)}), static_cast<std::uint8_t>(0x20 | out)));
            const int result = kTable[in][out];
            ASSERT_EQ(outcome.verdict, result < 0 ? kLeft : kTaken) << int{in} << " in " << int{out};
            if (result >= 0) {
                EXPECT_EQ(outcome.packet[15], 0xb8 | result) << int{in} << " in " << int{out};
                EXPECT_EQ(checksum(outcome.packet, 14), 0) << int{in} << " in " << int{out};
            }
        }
    }
}

TEST_F(FastPathTest, DownWithoutClampingTakesSyns) {
    known.clamp_mss = false;
    fast->set(kWlan, known);
    EXPECT_EQ(down(tunnelled(inner({.protocol = kTcp, .tcp_flags = kSyn}))).verdict, kTaken);
}

struct UpRow {
    const char* name;
    Inner packet;
    int verdict = kTaken;
    policy::Label label = kWlan;
};

TEST_F(FastPathTest, UpRows) {
    constexpr const char* kAnybody = "198.51.100.7";
    const std::vector<UpRow> rows{
        {"ordinary", {kHome, kAnybody}},
        {"rule by protocol and port", {kHome, "203.0.113.9", kUdp}, kTaken, kWwan},
        {"as large as the path", {kHome, kAnybody, kUdp, kMtu}},
        {"larger", {kHome, kAnybody, kUdp, kMtu + 1}, kLeft},
        {"SYN to be clamped", {kHome, kAnybody, kTcp, 100, 0, kSyn}, kLeft},
        {"tcp data", {kHome, kAnybody, kTcp}},
    };
    for (const UpRow& row : rows) {
        const FastPath::Traffic before = fast->sent(row.label);
        Bytes packet = inner(row.packet);
        if (row.packet.protocol == kUdp) {
            put16(packet, 22, 5500);
        }
        EXPECT_EQ(up(packet), row.verdict) << row.name;
        const FastPath::Traffic after = fast->sent(row.label);
        const std::uint64_t taken = row.verdict == kTaken ? 1 : 0;
        EXPECT_EQ(after.packets - before.packets, taken) << row.name;
        EXPECT_EQ(after.bytes - before.bytes, taken * row.packet.size) << row.name;
    }
    EXPECT_EQ(steering->carried_by(0).packets, 1U);
    EXPECT_EQ(steering->carried_by(policy::kFallbackRule).packets, 3U);
    EXPECT_EQ(steering->counters()[HOMEWARD_STEERING_PACKETS], 4U) << "what is left is counted by who takes it";
}

TEST_F(FastPathTest, UpFollowsTheUplinksState) {
    const Bytes packet = inner({kHome, "198.51.100.7"});
    usable(kWlan, false);
    EXPECT_EQ(up(packet), kTaken);
    EXPECT_EQ(fast->sent(kWwan).packets, 1U);
    usable(kWwan, false);
    EXPECT_EQ(up(packet), kLeft) << "no uplink: user space counts the drop";
    usable(kWlan, true);
    fast->clear(kWlan);
    EXPECT_EQ(up(packet), kLeft) << "the slow path carries what the policy gives this uplink";
    EXPECT_EQ(fast->sent(kWwan).packets, 1U);
}

TEST_F(FastPathTest, UpSpreadsAsTheHomeAgentDoes) {
    Policy policy;
    policy.fallback = {kWlan};
    policy.rules.push_back({{}, 0, {}, {kWlan, kWwan}, policy::Mode::spread, {2, 1}});
    publish(policy);
    const Result<policy::Table> table = policy::Table::compile(policy);
    std::uint64_t carried[3] = {};
    for (std::uint16_t port = 0; port < 300; ++port) {
        Bytes packet = inner({kHome, "198.51.100.7"});
        put16(packet, 20, port);
        put16(packet, 22, 443);
        const policy::FlowKey flow{.correspondent = ip("198.51.100.7"),
                                   .protocol = kUdp,
                                   .has_port = true,
                                   .port = 443,
                                   .node_port = port,
                                   .node = ip(kHome)};
        ++carried[policy::choose(table->lookup(flow), table->rates(), flow, [](policy::Label) { return true; })];
        ASSERT_EQ(up(packet), kTaken);
        ASSERT_EQ(fast->sent(kWlan).packets, carried[kWlan]) << port;
        ASSERT_EQ(fast->sent(kWwan).packets, carried[kWwan]) << port;
    }
    EXPECT_GT(carried[kWwan], 70U);
}

TEST_F(FastPathTest, WhatLeavesByTwoUplinksIsLeftToUserSpace) {
    Policy policy;
    policy.fallback = {kWlan};
    policy.rules.push_back(
        {*wire::Ipv4Prefix::parse("203.0.113.0/24"), 0, {}, {kWlan, kWwan}, policy::Mode::redundant});
    publish(policy);
    EXPECT_EQ(up(inner({kHome, "203.0.113.9"})), kLeft);
    EXPECT_EQ(fast->sent(kWlan).packets, 0U);
    EXPECT_EQ(up(inner({kHome, "198.51.100.7"})), kTaken);
    EXPECT_EQ(fast->sent(kWlan).packets, 1U);
}

TEST_F(FastPathTest, ANewPolicyCountsFromZero) {
    EXPECT_EQ(up(inner({kHome, "198.51.100.7"})), kTaken);
    Policy policy;
    policy.fallback = {kWlan};
    publish(policy);
    EXPECT_EQ(steering->carried_by(policy::kFallbackRule).packets, 0U);
}

/// Sends the packet by home0, as a large TCP segment if `segment` is not 0, and returns what comes out of the TUN that
/// is the uplink: so many packets, or what there is after two seconds.
std::vector<Bytes> through_the_kernel(const UniqueFd& uplink, const Bytes& packet, std::size_t count,
                                      std::uint16_t segment = 0) {
    const UniqueFd raw{::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)};
    const int on = 1;
    EXPECT_EQ(::setsockopt(raw.get(), SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on), 0) << std::strerror(errno);
    VnetHeader header{};
    if (segment != 0) {
        header.flags = 1;     // checksum to be completed
        header.gso_type = 1;  // TCP over IPv4
        header.hdr_len = 40;
        header.gso_size = segment;
        header.csum_start = 20;
        header.csum_offset = 16;
    }
    Bytes message(sizeof header);
    std::memcpy(message.data(), &header, sizeof header);
    message.insert(message.end(), packet.begin(), packet.end());
    sockaddr_ll to{};
    to.sll_family = AF_PACKET;
    to.sll_protocol = wire::be16{0x0800}.raw();
    to.sll_ifindex = static_cast<int>(::if_nametoindex("home0"));
    EXPECT_EQ(::sendto(raw.get(), message.data(), message.size(), 0, reinterpret_cast<const sockaddr*>(&to), sizeof to),
              static_cast<ssize_t>(message.size()))
        << std::strerror(errno);
    std::vector<Bytes> result;
    pollfd readable{uplink.get(), POLLIN, 0};
    while (result.size() < count && ::poll(&readable, 1, 2000) > 0) {
        Bytes out(2048);
        const ssize_t size = ::read(uplink.get(), out.data(), out.size());
        if (size > 0 && out[0] >> 4 == 4) {  // the kernel also sends IPv6 of its own
            out.resize(static_cast<std::size_t>(size));
            result.push_back(std::move(out));
        }
    }
    return result;
}

TEST_F(FastPathTest, CountingStandsInFrontOfTheFastPathAndLeavesNoTrace) {
    {
        Result<std::unique_ptr<FlowCounts>> counts = FlowCounts::attach(index("home0"));
        ASSERT_TRUE(counts) << counts.error().text;
        EXPECT_TRUE((*counts)->attached());
        Bytes packet = inner({.from = kHome, .to = "203.0.113.9"});
        put16(packet, 22, 5500);
        through_the_kernel(uplink_tun, packet, 1);
        EXPECT_EQ(fast->sent(kWwan).packets, 1U) << "the packet went on";
        std::uint64_t bytes = 0;
        EXPECT_TRUE((*counts)->read([&](const auto& /*flow*/, const homeward_flow_bytes& each) { bytes += each.up; }));
        EXPECT_GE(bytes, packet.size());
        sh("tc filter del dev home0 egress pref 4339");
        EXPECT_FALSE((*counts)->attached());
    }
    sh("! tc filter show dev home0 ingress | grep -q homeward_count");
    sh("tc filter show dev home0 egress | grep -q homeward_up");
}

TEST_F(FastPathTest, WhatLeavesByALinkWithoutHeader) {
    const Bytes packet = inner({.from = kHome, .to = "203.0.113.9", .tos = 0xba});
    Bytes to_port = packet;
    put16(to_port, 22, 5500);
    const std::vector<Bytes> out = through_the_kernel(uplink_tun, to_port, 1);
    ASSERT_EQ(out.size(), 1U);
    Bytes expected = tunnelled(to_port, 0xb8);  // DSCP copied, ECN not
    expected.erase(expected.begin(), expected.begin() + 14);
    expected[8] = 64;
    put_address(expected, 12, "10.2.2.2");
    put_address(expected, 16, "192.0.2.1");
    put16(expected, 20, kPort);
    put16(expected, 22, HOMEWARD_MIP_PORT);
    put16(expected, 10, 0);
    put16(expected, 10, checksum(expected, 0));
    EXPECT_EQ(out[0], expected);
}

TEST_F(FastPathTest, ALargeSegmentIsCutBehindTheProgram) {
    usable(kWlan, false);
    const Bytes packet = inner({.from = kHome, .to = "198.51.100.7", .protocol = kTcp, .size = 40 + 3 * 400});
    const std::vector<Bytes> out = through_the_kernel(uplink_tun, packet, 3, 400);
    ASSERT_EQ(out.size(), 3U);
    for (const Bytes& one : out) {
        EXPECT_EQ(one.size(), HOMEWARD_TUNNEL_OVERHEAD + 440U);
        EXPECT_EQ(checksum(one, 0), 0);
        EXPECT_EQ(one[2] << 8 | one[3], static_cast<int>(one.size()));
        EXPECT_EQ(one[24] << 8 | one[25], static_cast<int>(one.size() - 20));
        EXPECT_EQ(one[26] << 8 | one[27], 0) << "outer UDP checksum";
        EXPECT_EQ(checksum(one, 32), 0) << "inner header";
        EXPECT_EQ(one[34] << 8 | one[35], 440);
    }
    EXPECT_EQ(fast->sent(kWwan).packets, 3U);
    EXPECT_EQ(fast->sent(kWwan).bytes, 3U * 440);
    EXPECT_EQ(steering->carried_by(policy::kFallbackRule).packets, 3U);
}

TEST_F(FastPathTest, WithoutUdpALargeSegmentIsCutBehindTheProgramToo) {
    usable(kWlan, false);
    FastPath::Uplink plain = known;
    plain.interface = index("wwan0");
    plain.care_of = ip("10.2.2.2");
    plain.next_hop = {};
    plain.plain = true;
    fast->set(kWwan, plain);
    const Bytes packet =
        inner({.from = kHome, .to = "198.51.100.7", .protocol = kTcp, .size = 40 + 3 * 400, .tos = 0xba});
    const std::vector<Bytes> out = through_the_kernel(uplink_tun, packet, 3, 400);
    ASSERT_EQ(out.size(), 3U);
    for (const Bytes& one : out) {
        EXPECT_EQ(one.size(), 20 + 440U);
        EXPECT_EQ(checksum(one, 0), 0);
        EXPECT_EQ(one[1], 0xb8);
        EXPECT_EQ(one[2] << 8 | one[3], static_cast<int>(one.size()));
        EXPECT_EQ(one[9], kIpip);
        EXPECT_EQ(checksum(one, 20), 0) << "inner header";
        EXPECT_EQ(one[22] << 8 | one[23], 440);
    }
    EXPECT_EQ(fast->sent(kWwan).packets, 3U);
    EXPECT_EQ(fast->sent(kWwan).bytes, 3U * 440);
}

TEST_F(FastPathTest, ALargeSegmentOfPacketsThatDoNotFitIsLeft) {
    usable(kWlan, false);
    FastPath::Uplink narrow = known;
    narrow.interface = index("wwan0");
    narrow.path_mtu = 400;
    fast->set(kWwan, narrow);
    const Bytes packet = inner({.from = kHome, .to = "198.51.100.7", .protocol = kTcp, .size = 40 + 3 * 400});
    EXPECT_TRUE(through_the_kernel(uplink_tun, packet, 1, 400).empty());
    const std::vector<Bytes> left = through_the_kernel(home_tun, packet, 3, 400);
    EXPECT_EQ(left.size(), 3U) << "user space gets it";
    EXPECT_EQ(fast->sent(kWwan).packets, 0U);
}

TEST_F(FastPathTest, EachDirectionSaysItsPath) {
    EXPECT_TRUE(fast->up(kWlan).fast) << fast->up(kWlan).reason;
    EXPECT_TRUE(fast->down(kWlan).fast) << fast->down(kWlan).reason;
    fast.reset();
    open("told so");
    EXPECT_FALSE(fast->up(kWlan).fast);
    EXPECT_EQ(fast->up(kWlan).reason, "told so");
    EXPECT_TRUE(fast->down(kWlan).fast) << fast->down(kWlan).reason;
    EXPECT_FALSE(fast->down(99).fast);
}

TEST_F(FastPathTest, ALinkOfAnUnknownKindStaysSlow) {
    known.interface = index("lo");
    fast->set(kWlan, known);
    EXPECT_EQ(fast->up(kWlan).reason, "unknown kind of link");
    EXPECT_EQ(fast->down(kWlan).reason, "unknown kind of link");
    EXPECT_EQ(up(inner({kHome, "198.51.100.7"})), kLeft);
}

TEST_F(FastPathTest, WhatSomebodyElseRemovedIsPutBack) {
    sh("tc qdisc del dev wlan0 clsact && tc qdisc del dev home0 clsact");
    EXPECT_TRUE(fast->repair());
    EXPECT_FALSE(fast->repair());
    sh("tc filter show dev wlan0 ingress | grep -q homeward_down && tc filter show dev home0 egress | grep -q "
       "homeward_up");
}

TEST_F(FastPathTest, TheQdiscGoesWithItsLastUser) {
    fast->clear(kWlan);
    sh("! tc qdisc show dev wlan0 | grep -q clsact");
    sh("tc qdisc add dev wlan0 clsact");
    fast->set(kWlan, known);
    fast->clear(kWlan);
    sh("tc qdisc show dev wlan0 | grep -q clsact");
    sh("tc qdisc del dev wlan0 clsact");
    fast->set(kWlan, known);
    sh("tc filter add dev wlan0 egress bpf bytecode '1,6 0 0 0,'");
    fast->clear(kWlan);
    sh("tc filter show dev wlan0 egress | grep -q bytecode && ! tc filter show dev wlan0 ingress | grep -q homeward");
}

}  // namespace
}  // namespace homeward::bpf
