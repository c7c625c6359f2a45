#include "policy_json.h"

#include <algorithm>

#include "policy/generation.h"
#include "policy/table.h"

namespace homeward::daemon {
namespace {

using nlohmann::json;
using registration::NodeView;
using registration::PolicyRef;
using registration::PolicySource;

constexpr std::size_t kRulesShown = 1000;

json uplinks_json(const config::UplinkNames& names, const PolicyRef& policy, const policy::LabelList& labels) {
    json list = json::array();
    for (const policy::Label label : labels) {
        list.push_back(uplink_name(names, policy, label));
    }
    return list;
}

/// Rules' names stay at the end that wrote them: only a configured policy has any here.
std::string rule_name(const NodeView& node, std::size_t index) {
    const bool ours = node.policy && node.policy->source == PolicySource::home_agent && node.configured != nullptr;
    return ours && index < node.configured->names.size() ? node.configured->names[index] : std::string();
}

std::string protocol_name(std::uint8_t protocol) {
    switch (protocol) {
        case policy::kAnyProtocol:
            return "any";
        case 1:
            return "icmp";
        case 6:
            return "tcp";
        case 17:
            return "udp";
        default:
            return std::to_string(protocol);
    }
}

std::string ports_text(policy::PortRange ports) {
    if (ports.any()) {
        return "any";
    }
    return ports.first == ports.last ? std::to_string(ports.first)
                                     : std::to_string(ports.first) + "-" + std::to_string(ports.last);
}

/// By place in the rule's uplinks; null where it does not spread.
json weights_json(const policy::Rule& rule) {
    json weights = nullptr;
    for (std::size_t i = 0; policy::spreads(rule.mode) && i < rule.uplinks.size(); ++i) {
        weights.push_back(rule.weights[i]);
    }
    return weights;
}

/// By the uplinks' names; null where the node told none.
json rates_json(const config::UplinkNames& names, const PolicyRef& policy, const policy::Rates& rates) {
    json relative = nullptr;
    for (const policy::Label label : rates.labels()) {
        relative[uplink_name(names, policy, label)] = rates.of(label);
    }
    return relative;
}

const registration::Binding* chosen(const NodeView& node, const policy::LabelList& labels) {
    const bool by_id = node.policy->source == PolicySource::flow_bindings;
    for (const policy::Label label : labels) {
        for (const registration::Binding& binding : node.state.bindings) {
            if ((by_id ? binding.binding_id : binding.label) == label) {
                return &binding;
            }
        }
    }
    return nullptr;
}

/// The registered uplinks that a candidate's flows are spread over; "": it does not spread, or to none of them.
std::string spread_over(const NodeView& node, const config::UplinkNames& names, const policy::Candidate& candidate) {
    std::string members;
    for (std::size_t place = 0; policy::spreads(candidate.mode) && place < candidate.uplinks.size(); ++place) {
        const policy::Label label = candidate.uplinks[place];
        if (candidate.weights[place] != 0 && chosen(node, {label}) != nullptr) {
            members += (members.empty() ? "" : ", ") + uplink_name(names, node.policy, label);
        }
    }
    return members;
}

}  // namespace

std::string uplink_name(const config::UplinkNames& names, const PolicyRef& policy, policy::Label label) {
    if (policy && policy->source == PolicySource::flow_bindings) {
        return "binding " + std::to_string(label);
    }
    const auto named =
        std::find_if(names.begin(), names.end(), [label](const auto& entry) { return entry.second == label; });
    return named == names.end() ? "label " + std::to_string(label) : named->first;
}

json generation_json(const PolicyRef& policy) {
    if (!policy) {
        return {{"version", 0}, {"digest", ""}};
    }
    return {{"version", policy->generation.version}, {"digest", policy::to_hex(policy->generation.digest)}};
}

const char* source_name(const PolicyRef& policy) {
    switch (policy ? policy->source : PolicySource::none) {
        case PolicySource::home_agent:
            return "home-agent";
        case PolicySource::flow_bindings:
            return "flow-bindings";
        case PolicySource::node:
            return "node";
        case PolicySource::none:
            break;
    }
    return "none";
}

json policy_json(const NodeView& node, const config::UplinkNames& names, bool all) {
    json answer{{"generation", generation_json(node.policy)},
                {"peer", nullptr},
                {"synchronised", false},
                {"source", source_name(node.policy)},
                {"default", json::array()},
                {"rates", nullptr},
                {"rules", json::array()},
                {"total_rules", 0}};
    if (node.announced) {
        answer["peer"] = {{"version", node.announced->version}, {"digest", policy::to_hex(node.announced->digest)}};
    }
    if (!node.policy) {
        return answer;
    }
    const auto policy = policy::decode(*node.policy->bytes);
    if (!policy) {
        return answer;
    }
    answer["synchronised"] = node.announced && node.announced->digest == node.policy->generation.digest;
    answer["default"] = uplinks_json(names, node.policy, policy->fallback);
    answer["rates"] = rates_json(names, node.policy, policy->rates);
    answer["total_rules"] = policy->rules.size();
    const std::size_t shown = all ? policy->rules.size() : std::min(policy->rules.size(), kRulesShown);
    for (std::size_t index = 0; index < shown; ++index) {
        const policy::Rule& rule = policy->rules[index];
        answer["rules"].push_back({{"index", index},
                                   {"name", rule_name(node, index)},
                                   {"correspondent", rule.correspondent.to_string()},
                                   {"protocol", protocol_name(rule.protocol)},
                                   {"ports", ports_text(rule.ports)},
                                   {"uplinks", uplinks_json(names, node.policy, rule.uplinks)},
                                   {"mode", policy::name_of(rule.mode)},
                                   {"weights", weights_json(rule)}});
    }
    return answer;
}

json route_json(const NodeView& node, const config::UplinkNames& names, const policy::FlowKey& flow) {
    json answer{{"to", flow.correspondent.to_string()},
                {"rule", nullptr},
                {"uplinks", json::array()},
                {"chosen", nullptr},
                {"why", ""}};
    if (node.state.bindings.empty()) {
        answer["why"] = "The node has no binding.";
        return answer;
    }
    const registration::Binding& first = node.state.bindings.front();
    const auto policy = node.policy ? policy::decode(*node.policy->bytes) : Error{""};
    const auto table = policy ? policy::Table::compile(*policy) : Error{""};
    if (!table || first.binding_id == 0) {
        answer["chosen"] = uplink_name(names, nullptr, first.label);
        answer["why"] = first.binding_id == 0 ? "The node registered a single care-of address."
                                              : "The node has no policy; its first binding carries everything.";
        return answer;
    }
    const policy::Candidate& candidate = table->lookup(flow);
    answer["uplinks"] = uplinks_json(names, node.policy, candidate.uplinks);
    if (candidate.rule != policy::kFallbackRule) {
        answer["rule"] = {{"index", candidate.rule}, {"name", rule_name(node, candidate.rule)}};
    }
    const std::string cause = candidate.rule == policy::kFallbackRule
                                  ? "no rule matches, so the default decides"
                                  : "rule " + std::to_string(candidate.rule) + " matches first";
    if (const std::string members = spread_over(node, names, candidate); !members.empty()) {
        answer["chosen"] = members;
        answer["why"] = "Each flow takes one of these uplinks, by its addresses and ports; " + cause + ".";
    } else if (const registration::Binding* const binding = chosen(node, candidate.uplinks)) {
        answer["chosen"] =
            uplink_name(names, node.policy,
                        node.policy->source == PolicySource::flow_bindings ? binding->binding_id : binding->label);
        answer["why"] = "Of its uplinks this is the first that is registered; " + cause + ".";
    } else {
        answer["why"] = "None of its uplinks is registered, so the packet is dropped; " + cause + ".";
    }
    return answer;
}

}  // namespace homeward::daemon
