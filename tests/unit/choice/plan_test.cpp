#include "choice/plan.h"

#include <gtest/gtest.h>

#include "policy/table.h"

namespace homeward::choice {
namespace {

using policy::LabelList;

constexpr wire::Ipv4Address kServer = wire::Ipv4Address(0xc0000263);  // 192.0.2.99

policy::Policy written() {
    policy::Policy policy;
    policy.fallback = {1, 2, 3};
    policy.rules.push_back({wire::Ipv4Prefix::of(kServer, 32), 17, {5000, 5000}, {3, 1, 2}});
    return policy;
}

policy::LabelList answer(const policy::Policy& policy, std::uint8_t protocol, std::uint16_t port) {
    const auto table = policy::Table::compile(policy);
    return table->lookup({kServer, protocol, true, port}).uplinks;
}

TEST(Plan, PutsTheChosenUplinkInFrontOfTheDefault) {
    struct Row {
        policy::Label first;
        LabelList order;
    };
    const Row rows[] = {{0, {1, 2, 3}}, {1, {1, 2, 3}}, {2, {2, 1, 3}}, {3, {3, 1, 2}}, {9, {1, 2, 3}}};
    for (const Row& row : rows) {
        EXPECT_EQ(order_of({1, 2, 3}, row.first), row.order) << int{row.first};
    }
}

TEST(Plan, LeavesWhatAPersonWroteInForce) {
    Plan plan;
    plan.first = 2;
    plan.flows.push_back({{kServer, 17, 5000}, 1});
    plan.flows.push_back({{kServer, 6, 80}, 3});
    const policy::Policy policy = apply(written(), plan);
    EXPECT_EQ(answer(policy, 17, 5000), (LabelList{3, 1, 2})) << "a written rule comes before the engine's";
    EXPECT_EQ(answer(policy, 6, 80), (LabelList{3, 2, 1}));
    EXPECT_EQ(answer(policy, 6, 81), (LabelList{2, 1, 3}));
}

TEST(Plan, FlowsThatATableHasNoRoomForAreLeftToTheDefault) {
    Plan plan;
    for (std::uint16_t port = 1; port <= 20; ++port) {
        plan.flows.push_back({{kServer, 6, port}, 2});
        plan.flows.push_back({{wire::Ipv4Address(kServer.host() + port), 6, port}, 2});
    }
    const policy::Policy policy = apply(written(), plan);
    EXPECT_EQ(policy.rules.size(), 1 + 20 + policy::kMaxCandidates - 2)
        << "the written rule and the default count, too";
    ASSERT_TRUE(policy::Table::compile(policy).ok());
    EXPECT_EQ(answer(policy, 6, 1), (LabelList{2, 1, 3}));
    EXPECT_EQ(answer(policy, 6, 20), (LabelList{1, 2, 3}));
}

TEST(Plan, AnEmptyOneChangesNothing) {
    EXPECT_EQ(apply(written(), {}), written());
}

}  // namespace
}  // namespace homeward::choice
