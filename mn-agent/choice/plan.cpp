#include "choice/plan.h"

#include <algorithm>

#include "policy/table.h"

namespace homeward::choice {
namespace {

policy::Rule rule_of(const FlowRule& wanted, const policy::LabelList& order) {
    policy::Rule rule;
    rule.correspondent = wire::Ipv4Prefix::of(wanted.flow.correspondent, 32);
    rule.protocol = wanted.flow.protocol;
    if (wanted.flow.port != 0) {
        rule.ports = {wanted.flow.port, wanted.flow.port};
    }
    rule.uplinks = order_of(order, wanted.uplink);
    return rule;
}

/// Whether the correspondent's list of candidates takes one more, the default behind it.
bool has_room(const policy::Policy& policy, wire::Ipv4Address correspondent) {
    const auto there = std::count_if(policy.rules.begin(), policy.rules.end(), [&](const policy::Rule& rule) {
        return rule.correspondent.contains(correspondent);
    });
    return static_cast<std::size_t>(there) + 2 <= policy::kMaxCandidates;
}

}  // namespace

policy::LabelList order_of(const policy::LabelList& written, policy::Label first) {
    policy::LabelList order;
    if (written.contains(first)) {
        order.push_back(first);
    }
    for (const policy::Label label : written) {
        order.push_back(label);  // one that is there already is left out
    }
    return order;
}

policy::Policy apply(policy::Policy written, const Plan& plan) {
    written.fallback = order_of(written.fallback, plan.first);
    for (const FlowRule& wanted : plan.flows) {
        if (has_room(written, wanted.flow.correspondent)) {
            written.rules.push_back(rule_of(wanted, written.fallback));
        }
    }
    return written;
}

}  // namespace homeward::choice
