// Fragments on their way to nodes follow their first one's rule, wherever in the order it comes.
#include <algorithm>
#include <functional>

#include "lab.h"

namespace lab {
namespace {

/// UDP from port 5000 goes by cellular (2), from port 6000 nowhere, everything else by wlan (1).
void steer_by_port(Lab& lab) {
    lab.put_policy(1, {.rules = {{.correspondent = {}, .protocol = 17, .ports = {5000, 5000}, .uplinks = {2}},
                                 {.correspondent = {}, .protocol = 17, .ports = {6000, 6000}, .uplinks = {}}},
                       .fallback = {1}});
    lab.put(lab.node_record());
}

struct Flow {
    Address from = kFar;
    std::uint16_t id = 77;
    std::uint16_t port = 5000;
    std::uint8_t protocol = 17;
    Address to = kNode;
};

Stack first(const Flow& flow = {}, std::uint8_t ttl = 64) {
    return Ip{.src = flow.from, .dst = flow.to, .ttl = ttl, .id = flow.id, .mf = true, .protocol = flow.protocol} /
           (Udp{.src = flow.port, .dst = 9, .length = 40, .checksum = 0} / Raw{"01234567"});
}

Stack later(const Flow& flow = {}, unsigned number = 1, std::uint8_t ttl = 64) {
    return Ip{.src = flow.from,
              .dst = flow.to,
              .ttl = ttl,
              .id = flow.id,
              .mf = number == 1,
              .offset = static_cast<std::uint16_t>(16 * number),
              .protocol = flow.protocol} /
           Raw{"abcdefghijklmnop"};
}

/// 1 and 2 as in the policy, and whether it is a first fragment: "2F", "1" …
std::string way(const Emitted& emitted) {
    const bool cellular = Bytes(emitted.frame.begin() + 30, emitted.frame.begin() + 34) == Bytes{172, 17, 2, 3};
    const bool is_first = (emitted.frame[46 + 6] & 0x1f) == 0 && emitted.frame[46 + 7] == 0;
    return std::string{cellular ? "2" : "1"} + (is_first ? "F" : "");
}

std::vector<std::string> ways(Lab& lab) {
    std::vector<std::string> all;
    for (const Emitted& emitted : lab.emitted) {
        EXPECT_EQ(harness::checksum_fault(emitted.frame), "");
        all.push_back(way(emitted));
    }
    lab.emitted.clear();
    return all;
}

using Ways = std::vector<std::string>;

struct Row {
    const char* name;
    std::vector<Stack> packets;
    Ways at_once;       ///< what has left when all have come
    Ways in_the_end{};  ///< what leaves later
    std::vector<Drop> drops{};
};

TEST(InnerFragments, Rows) {
    const Flow other_id{.id = 78}, other_source{.from = kPeer}, tcp{.protocol = 6}, denied{.port = 6000},
        icmp{.protocol = 1}, other_node{.to = kNode2};
    const Row rows[] = {
        {"first_one_first", {first(), later(), later({}, 2)}, {"2F", "2", "2"}},
        {"first_one_last", {later({}, 2), later(), first()}, {"2F", "2", "2"}},
        {"first_one_between", {later(), first(), later({}, 2)}, {"2F", "2", "2"}},
        {"never", {later(), later({}, 2)}, {}, {"1", "1"}},
        {"of_another_id", {later(), first(other_id)}, {"2F"}, {"1"}},
        {"of_another_source", {later(), first(other_source)}, {"2F"}, {"1"}},
        {"of_another_protocol", {later(), first(tcp)}, {"1F"}, {"1"}},
        {"of_another_node", {later(), first(other_node)}, {"1F"}, {"1"}},
        {"no_rule_asks_for_the_port", {later(tcp), first(tcp)}, {"1", "1F"}},
        {"no_ports_at_all", {later(icmp), first(icmp)}, {"1", "1F"}},
        {"no_policy", {later(other_node), first(other_node)}, {"1", "1F"}},
        {"what_is_denied_is_denied_whole",
         {later(denied), first(denied), later(denied, 2)},
         {},
         {},
         {Drop::encap_policy, Drop::encap_policy, Drop::encap_policy}},
    };
    for (const Row& row : rows) {
        for (const bool burst : {false, true}) {
            SCOPED_TRACE(testing::Message() << row.name << (burst ? " in a burst" : ""));
            Lab lab;
            steer_by_port(lab);
            std::vector<Bytes> frames;
            for (const Stack& packet : row.packets) {
                frames.push_back(on_home_link(packet).bytes());
                if (!burst) {
                    lab.run(kHome, Origin::wire, frames.back());
                }
            }
            if (burst) {
                lab.run_burst(kHome, Origin::wire, frames);
                std::sort(lab.emitted.begin(), lab.emitted.end(),
                          [](const Emitted& a, const Emitted& b) { return way(a) > way(b); });
                Ways sorted = row.at_once;
                std::sort(sorted.begin(), sorted.end(), std::greater<>{});
                EXPECT_EQ(ways(lab), sorted);
            } else {
                EXPECT_EQ(ways(lab), row.at_once);
            }
            lab.advance_ms(49);
            lab.tick();
            EXPECT_EQ(ways(lab), Ways{});
            lab.advance_ms(1);
            lab.tick();
            EXPECT_EQ(ways(lab), row.in_the_end);
            EXPECT_EQ(lab.count(Event::fragments_alone), row.in_the_end.size());
            std::map<std::string, std::uint64_t> drops;
            for (const Drop drop : row.drops) {
                ++drops[std::string{homeward::stats::name(drop)}];
            }
            EXPECT_EQ(lab.drops(), drops);
            EXPECT_EQ(lab.leaked(), 0U);
        }
    }
}

TEST(InnerFragments, TheFirstOneIsForgottenInTheEnd) {
    Lab lab;
    steer_by_port(lab);
    lab.run(kHome, Origin::wire, on_home_link(first()).bytes());
    lab.advance_ms(29'999);
    lab.run(kHome, Origin::wire, on_home_link(later()).bytes());
    EXPECT_EQ(ways(lab), (Ways{"2F", "2"}));
    lab.advance_ms(1);
    lab.run(kHome, Origin::wire, on_home_link(later()).bytes());
    EXPECT_EQ(ways(lab), Ways{});
    lab.advance_ms(50);
    lab.tick();
    EXPECT_EQ(ways(lab), Ways{"1"});
}

TEST(InnerFragments, FromAnotherNode) {
    Lab lab;
    steer_by_port(lab);
    const Flow flow{.from = kNode2};
    lab.run(kAccess, Origin::wire, uplink(later(flow), kWlan2, kWlan2Port).bytes());
    EXPECT_TRUE(lab.emitted.empty());
    lab.run(kAccess, Origin::wire, uplink(first(flow), kWlan2, kWlan2Port).bytes());
    ASSERT_EQ(lab.emitted.size(), 2U);
    EXPECT_EQ(harness::to_hex(normalised(lab.emitted[1].frame)),
              harness::to_hex(downlink(later(flow, 1, 63), kCellular, kCellularPort).bytes()));
    EXPECT_EQ(lab.count(Event::hairpin_packets), 2U);
}

TEST(InnerFragments, FromOurKernelWithItsTtl) {
    Lab lab;
    steer_by_port(lab);
    const Flow flow{.from = kHomeOwn};
    const auto frame = [](const Stack& packet) { return (Ether{.dst = kHomeMac, .src = kHomeMac} / packet).bytes(); };
    lab.run(kHome, Origin::kernel, frame(later(flow, 1, 1)));
    lab.run(kHome, Origin::kernel, frame(first(flow, 1)));
    ASSERT_EQ(lab.emitted.size(), 2U);
    EXPECT_EQ(harness::to_hex(normalised(lab.emitted[1].frame)),
              harness::to_hex(downlink(later(flow, 1, 1), kCellular, kCellularPort).bytes()));
}

TEST(InnerFragments, TheNodeGoesWhileTheyWait) {
    Lab lab;
    steer_by_port(lab);
    lab.run(kHome, Origin::wire, on_home_link(later()).bytes());
    lab.tables().remove_binding(wire::Ipv4Address{kNode.value});
    lab.advance_ms(50);
    lab.tick();
    EXPECT_EQ(lab.drops(), (std::map<std::string, std::uint64_t>{{"encap.no_uplink", 1}}));
    EXPECT_EQ(lab.leaked(), 0U);
}

/// Those that find no room go on without waiting, so that a flood of them costs nobody his fragments.
TEST(InnerFragments, FewWait) {
    Lab lab;
    steer_by_port(lab);
    for (std::uint16_t id = 0; id < 70; ++id) {
        lab.run(kHome, Origin::wire, on_home_link(later({.id = id})).bytes());
    }
    EXPECT_EQ(ways(lab), Ways(6, "1"));
    EXPECT_EQ(lab.leaked(), 64U);
    EXPECT_EQ(lab.count(Event::fragments_early), 64U);
    lab.advance_ms(50);
    lab.tick();
    EXPECT_EQ(ways(lab), Ways(64, "1"));
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(InnerFragments, AllThatWaitedFollowInOneBurst) {
    Lab lab;
    steer_by_port(lab);
    for (unsigned number = 1; number <= 64; ++number) {
        lab.run(kHome, Origin::wire, on_home_link(later({}, number)).bytes());
    }
    std::vector<Bytes> burst(pipeline::Pipeline::kBurst - 1, on_home_link(later({.protocol = 6})).bytes());
    burst.push_back(on_home_link(first()).bytes());
    lab.run_burst(kHome, Origin::wire, burst);
    EXPECT_EQ(lab.emitted.size(), 128U);
    EXPECT_EQ(lab.leaked(), 0U);
}

TEST(InnerFragments, AWorkerThatEndsFreesWhatWaits) {
    Lab lab;
    steer_by_port(lab);
    lab.run(kHome, Origin::wire, on_home_link(later()).bytes());
    lab.end();
    EXPECT_EQ(lab.count(Drop::stopping), 1U);
    EXPECT_EQ(lab.leaked(), 0U);
}

}  // namespace
}  // namespace lab
