// Rules that spread, on the way down: the data plane and the node name the same uplink for a flow, whichever of the two
// ways through the pipeline its packets take.
#include "policy/spread.h"
#include "lab.h"

namespace lab {
namespace {

struct World {
    const char* name;
    policy::Rule rule;
    std::uint8_t rate2 = 0;  ///< of label 2, relative; 0: not told
    unsigned uplinks = 2;    ///< more than four: not for the express lane
    bool express = true;
};

void PrintTo(const World& world, std::ostream* out) {
    *out << world.name;
}

policy::Policy policy_of(const World& world) {
    policy::Policy made{.rules = {world.rule}, .fallback = {1}};
    if (world.rate2 != 0) {
        made.rates.push_back(1, 255);
        made.rates.push_back(2, world.rate2);
    }
    return made;
}

void prepare(Lab& lab, const World& world) {
    lab.put_policy(2, policy_of(world));
    ipc::Binding node = lab.node_record();
    node.policy = 2;
    for (unsigned i = 2; i < world.uplinks; ++i) {
        node.uplinks[i] = {kWlan.value + i,
                           5000,
                           static_cast<std::uint8_t>(i),
                           static_cast<std::uint8_t>(20 + i),
                           ipc::kUplinkUp,
                           0,
                           0};
    }
    node.uplink_count = static_cast<std::uint8_t>(world.uplinks);
    lab.put(node);
}

void uplink_down(Lab& lab, const World& world, std::size_t index) {
    prepare(lab, world);
    ipc::Binding node = lab.node_record();
    node.policy = 2;
    node.uplinks[index].flags = 0;
    lab.put(node);
}

/// By the node's side of a flow, with the functions that the agent uses.
policy::Label node_says(const World& world, const policy::FlowKey& flow, policy::Label down = 0) {
    const policy::Policy made = policy_of(world);
    const auto table = policy::Table::compile(made);
    return policy::choose(table->lookup(flow), table->rates(), flow,
                          [&](policy::Label label) { return label != down; });
}

/// 1 wlan, 2 cellular, 0 nothing; by the outer destination of the one packet that left.
policy::Label taken(Lab& lab) {
    if (lab.emitted.size() != 1) {
        return 0;
    }
    const Bytes& frame = lab.emitted[0].frame;
    const bool cellular = Bytes(frame.begin() + 30, frame.begin() + 34) == Bytes{172, 17, 2, 3};
    lab.emitted.clear();
    return cellular ? 2 : 1;
}

policy::FlowKey flow_of(std::uint16_t server_port, std::uint16_t node_port, std::uint8_t protocol) {
    return {.correspondent = wire::Ipv4Address{kFar.value},
            .protocol = protocol,
            .has_port = protocol == 6 || protocol == 17,
            .port = server_port,
            .node_port = node_port,
            .node = wire::Ipv4Address{kNode.value}};
}

Stack packet_of(const policy::FlowKey& flow) {
    const Ip ip{.src = kFar, .dst = kNode, .protocol = flow.protocol};
    switch (flow.protocol) {
        case 6:
            return ip / Tcp{.src = flow.port, .dst = flow.node_port, .flags = 0x10} / Raw{"data"};
        case 17:
            return ip / Udp{.src = flow.port, .dst = flow.node_port} / Raw{"data"};
        default:
            return ip / Raw{"no ports in here"};
    }
}

std::vector<policy::FlowKey> flows() {
    std::vector<policy::FlowKey> made;
    for (std::uint16_t i = 0; i < 200; ++i) {
        made.push_back(flow_of(443, static_cast<std::uint16_t>(40'000 + i), i % 2 == 0 ? 6 : 17));
    }
    for (const unsigned protocol : {47U, 50U, 51U}) {
        made.push_back(flow_of(0, 0, static_cast<std::uint8_t>(protocol)));
    }
    return made;
}

class Spread : public testing::TestWithParam<World> {};

TEST_P(Spread, BothEndsNameTheSameUplink) {
    const World& world = GetParam();
    Lab lab{true, world.express};
    prepare(lab, world);
    std::map<policy::Label, unsigned> carried;
    for (const policy::FlowKey& flow : flows()) {
        lab.run(kHome, Origin::wire, on_home_link(packet_of(flow)).bytes());
        const policy::Label way = taken(lab);
        EXPECT_EQ(way, node_says(world, flow)) << flow.node_port;
        ++carried[way];
    }
    EXPECT_GT(carried[1], 20U);
    EXPECT_GT(carried[2], 20U);
}

TEST_P(Spread, ADeadUplinkGetsNothingAndTheOthersKeepTheirs) {
    const World& world = GetParam();
    for (const std::size_t dead : {0U, 1U}) {
        Lab lab{true, world.express};
        uplink_down(lab, world, dead);
        const auto survivor = static_cast<policy::Label>(2 - dead);
        for (const policy::FlowKey& flow : flows()) {
            lab.run(kHome, Origin::wire, on_home_link(packet_of(flow)).bytes());
            EXPECT_EQ(taken(lab), survivor);
            EXPECT_EQ(node_says(world, flow, static_cast<policy::Label>(1 + dead)), survivor);
        }
    }
}

TEST_P(Spread, FragmentsFollowTheirFirstOneAndItTheFlow) {
    const World& world = GetParam();
    Lab lab{true, world.express};
    prepare(lab, world);
    std::map<policy::Label, unsigned> carried;
    for (std::uint16_t i = 0; i < 60; ++i) {
        const policy::FlowKey flow = flow_of(5000, static_cast<std::uint16_t>(30'000 + i), 17);
        const policy::Label way = node_says(world, flow);
        ++carried[way];
        lab.run(
            kHome, Origin::wire,
            on_home_link(Ip{.src = kFar, .dst = kNode, .id = i, .mf = true, .protocol = 17} /
                         (Udp{.src = flow.port, .dst = flow.node_port, .length = 24, .checksum = 0} / Raw{"01234567"}))
                .bytes());
        EXPECT_EQ(taken(lab), way);
        lab.run(kHome, Origin::wire,
                on_home_link(Ip{.src = kFar, .dst = kNode, .id = i, .offset = 16, .protocol = 17} / Raw{"the rest"})
                    .bytes());
        EXPECT_EQ(taken(lab), way);
    }
    EXPECT_GT(carried[1], 5U);
    EXPECT_GT(carried[2], 5U);
}

TEST_P(Spread, ALaterFragmentWaitsForItsFirstOne) {
    const World& world = GetParam();
    Lab lab{true, world.express};
    prepare(lab, world);
    for (std::uint16_t i = 0; i < 20; ++i) {
        const policy::FlowKey flow = flow_of(5000, static_cast<std::uint16_t>(30'000 + i), 17);
        lab.run(kHome, Origin::wire,
                on_home_link(Ip{.src = kFar, .dst = kNode, .id = i, .offset = 16, .protocol = 17} / Raw{"the rest"})
                    .bytes());
        EXPECT_TRUE(lab.emitted.empty());
        lab.run(
            kHome, Origin::wire,
            on_home_link(Ip{.src = kFar, .dst = kNode, .id = i, .mf = true, .protocol = 17} /
                         (Udp{.src = flow.port, .dst = flow.node_port, .length = 24, .checksum = 0} / Raw{"01234567"}))
                .bytes());
        ASSERT_EQ(lab.emitted.size(), 2U);
        const Emitted late = lab.emitted.back();
        lab.emitted.pop_back();
        EXPECT_EQ(taken(lab), node_says(world, flow));
        lab.emitted.push_back(late);
        EXPECT_EQ(taken(lab), node_says(world, flow));
    }
}

policy::Rule spread(policy::Weights weights, policy::Mode mode = policy::Mode::spread) {
    return {.correspondent = {}, .uplinks = {1, 2}, .mode = mode, .weights = weights};
}

const World kWorlds[] = {
    {.name = "equal", .rule = spread({1, 1})},
    {.name = "three_to_one", .rule = spread({3, 1})},
    {.name = "by_rate", .rule = spread({1, 1}, policy::Mode::spread_by_rate), .rate2 = 100},
    {.name = "by_rate_that_nobody_told", .rule = spread({1, 1}, policy::Mode::spread_by_rate)},
    {.name = "general_stages", .rule = spread({1, 3}), .express = false},
    {.name = "more_uplinks_than_a_line_has", .rule = spread({2, 1}), .uplinks = 6},
};
INSTANTIATE_TEST_SUITE_P(Ways, Spread, testing::ValuesIn(kWorlds), [](const auto& row) { return row.param.name; });

TEST(SpreadReserve, IsTakenWhenNoMemberIsUp) {
    World world{.name = "", .rule = spread({0, 1})};
    Lab lab;
    prepare(lab, world);
    for (const policy::FlowKey& flow : flows()) {
        lab.run(kHome, Origin::wire, on_home_link(packet_of(flow)).bytes());
        EXPECT_EQ(taken(lab), 2);
    }
    uplink_down(lab, world, 1);
    for (const policy::FlowKey& flow : flows()) {
        lab.run(kHome, Origin::wire, on_home_link(packet_of(flow)).bytes());
        EXPECT_EQ(taken(lab), 1);
    }
}

}  // namespace
}  // namespace lab
