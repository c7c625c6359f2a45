#include "flow_policy.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

#include "home_link.h"

namespace homeward::registration {
namespace {

std::vector<Binding> live(std::initializer_list<std::uint8_t> ids) {
    std::vector<Binding> bindings;
    for (const std::uint8_t id : ids) {
        bindings.emplace_back().binding_id = id;
    }
    return bindings;
}

mip::FlowBinding forward(std::vector<std::uint8_t> ids, mip::TrafficSelector selector = {}) {
    return {mip::FlowBinding::Action::forward, std::move(ids), selector};
}

policy::Policy made(const std::vector<mip::FlowBinding>& flows, std::initializer_list<std::uint8_t> ids = {1, 2}) {
    return std::get<policy::Policy>(policy_of(flows, live(ids), ip("10.10.0.5"), 1000));
}

std::string prefixes(const char* first, const char* last) {
    mip::TrafficSelector selector;
    selector.source = {ip(first), ip(last)};
    std::string text;
    for (const policy::Rule& rule : made({forward({1}, selector)}).rules) {
        text += (text.empty() ? "" : " ") + rule.correspondent.to_string();
    }
    return text;
}

TEST(FlowPolicy, RangesBecomeTheFewestPrefixes) {
    EXPECT_EQ(prefixes("198.51.100.0", "198.51.100.255"), "198.51.100.0/24");
    EXPECT_EQ(prefixes("198.51.100.7", "198.51.100.7"), "198.51.100.7/32");
    EXPECT_EQ(prefixes("10.0.0.1", "10.0.0.4"), "10.0.0.1/32 10.0.0.2/31 10.0.0.4/32");
    EXPECT_EQ(prefixes("0.0.0.0", "255.255.255.255"), "0.0.0.0/0");
    EXPECT_EQ(prefixes("255.255.255.254", "255.255.255.255"), "255.255.255.254/31");
    EXPECT_EQ(prefixes("0.0.0.0", "0.0.0.2"), "0.0.0.0/31 0.0.0.2/32");
}

TEST(FlowPolicy, AnswersLikeTheSelectorsInTheirOrder) {
    std::mt19937 engine(7629);
    const auto random = [&engine] { return static_cast<std::uint32_t>(engine()); };
    for (int round = 0; round < 200; ++round) {
        std::vector<mip::FlowBinding> flows;
        for (int i = 0; i < 6; ++i) {
            mip::TrafficSelector selector;
            const std::uint32_t a = random() % 64;
            selector.source = {wire::Ipv4Address{a}, wire::Ipv4Address{a + random() % 64}};
            if (random() % 2 != 0) {
                selector.protocol = mip::Range<std::uint8_t>{6, static_cast<std::uint8_t>(6 + random() % 12)};
            }
            if (random() % 2 != 0) {
                const auto port = static_cast<std::uint16_t>(random() % 8);
                selector.source_port = mip::Range<std::uint16_t>{port, static_cast<std::uint16_t>(port + random() % 8)};
            }
            flows.push_back(forward({static_cast<std::uint8_t>(1 + i % 2)}, selector));
        }
        const policy::Policy policy = made(flows);
        for (int probe = 0; probe < 50; ++probe) {
            const policy::FlowKey key{wire::Ipv4Address{static_cast<std::uint32_t>(random() % 130)},
                                      static_cast<std::uint8_t>(random() % 2 != 0 ? 6 : 17), true,
                                      static_cast<std::uint16_t>(random() % 18)};
            const auto flow = std::find_if(flows.begin(), flows.end(), [&key](const mip::FlowBinding& candidate) {
                const mip::TrafficSelector& s = candidate.selector;
                return s.source->contains(key.correspondent) && (!s.protocol || s.protocol->contains(key.protocol)) &&
                       (!s.source_port || s.source_port->contains(key.port));
            });
            const auto rule = std::find_if(policy.rules.begin(), policy.rules.end(),
                                           [&key](const policy::Rule& candidate) { return matches(candidate, key); });
            ASSERT_EQ(flow == flows.end(), rule == policy.rules.end());
            if (flow != flows.end()) {
                ASSERT_EQ(flow->binding_ids[0], rule->uplinks[0]);
            }
        }
    }
}

TEST(FlowPolicy, WhatNothingMatchesGoesToTheLowestBinding) {
    EXPECT_EQ(made({forward({2})}, {1, 2}).fallback, (policy::LabelList{1, 2}));
}

TEST(FlowPolicy, DropNamesNobody) {
    const policy::Policy policy = made({{mip::FlowBinding::Action::drop, {}, {}}});
    ASSERT_EQ(policy.rules.size(), 1U);
    EXPECT_TRUE(policy.rules[0].uplinks.empty());
}

TEST(FlowPolicy, ASelectorForAnotherHomeAddressMatchesNothingHere) {
    mip::TrafficSelector mine;
    mine.destination = {ip("10.10.0.0"), ip("10.10.0.255")};
    mip::TrafficSelector other;
    other.destination = {ip("10.10.1.0"), ip("10.10.1.255")};
    EXPECT_EQ(made({forward({1}, other), forward({2}, mine)}).rules.size(), 1U);
}

TEST(FlowPolicy, WhatSteeringDoesNotLookAtIs129) {
    const auto code = [](mip::TrafficSelector selector) {
        return std::get<mip::ReplyCode>(policy_of({forward({1}, selector)}, live({1}), ip("10.10.0.5"), 100));
    };
    mip::TrafficSelector ports, dscp, spi;
    ports.destination_port = mip::Range<std::uint16_t>::one(80);
    dscp.dscp = mip::Range<std::uint8_t>::one(46);
    spi.spi = mip::Range<std::uint32_t>::one(1);
    for (const mip::TrafficSelector& selector : {ports, dscp, spi}) {
        EXPECT_EQ(code(selector), mip::ReplyCode::administratively_prohibited);
    }
}

TEST(FlowPolicy, OneLiveBindingIsEnough) {
    EXPECT_EQ(made({forward({9, 1})}, {1}).rules.size(), 1U);
    EXPECT_EQ(std::get<mip::ReplyCode>(policy_of({forward({9})}, live({1}), ip("10.10.0.5"), 100)),
              mip::ReplyCode::invalid_binding_identifier);
}

}  // namespace
}  // namespace homeward::registration
