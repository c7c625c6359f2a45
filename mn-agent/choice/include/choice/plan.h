#pragma once

#include "policy/rule.h"
#include "selection/bounded.h"

namespace homeward::choice {

inline constexpr std::size_t kMaxFlowRules = 64;

/// A flow as far as a rule can tell it from others: the correspondent's end. Connections to one port of one server are
/// one flow.
struct FlowEnd {
    wire::Ipv4Address correspondent;
    std::uint8_t protocol = policy::kAnyProtocol;
    std::uint16_t port = 0;  ///< 0: the protocol has none
    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated comparison with 0 for a pointer's
    friend auto operator<=>(const FlowEnd&, const FlowEnd&) = default;
};

/// One flow, and the uplink that it shall prefer.
struct FlowRule {
    FlowEnd flow;
    policy::Label uplink = 0;
    friend bool operator==(const FlowRule&, const FlowRule&) = default;
};

/// What an engine wants of the policy: which of the default's uplinks comes first, and rules for single flows.
struct Plan {
    policy::Label first = 0;  ///< 0: the default as it is written
    selection::Bounded<FlowRule, kMaxFlowRules> flows;
};

/// The default with the plan's uplink in front. An uplink that the default does not name stays out.
policy::LabelList order_of(const policy::LabelList& written, policy::Label first);

/// The written policy with the plan in it. What a person wrote stays in force: flow rules come behind all written
/// rules, so they decide only about what the default would have taken. Flows for which a table has no room beside the
/// rules that name their correspondent (policy::kMaxCandidates) are left to the default.
policy::Policy apply(policy::Policy written, const Plan& plan);

}  // namespace homeward::choice
