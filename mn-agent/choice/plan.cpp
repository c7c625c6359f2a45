#include "choice/plan.h"

namespace homeward::choice {

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
    for (const FlowRule& flow : plan.flows) {
        policy::Rule rule;
        rule.correspondent = wire::Ipv4Prefix::of(flow.correspondent, 32);
        rule.protocol = flow.protocol;
        if (flow.port != 0) {
            rule.ports = {flow.port, flow.port};
        }
        rule.uplinks = order_of(written.fallback, flow.uplink);
        written.rules.push_back(rule);
    }
    return written;
}

}  // namespace homeward::choice
