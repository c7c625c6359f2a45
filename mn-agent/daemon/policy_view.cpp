#include "policy_view.h"

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "uplink_view.h"

namespace homeward::mn {
namespace {

using nlohmann::json;

constexpr std::size_t kRulesShown = 1000;

std::string label_name(const Agent& agent, policy::Label label) {
    const config::UplinkConfig* uplink = agent.configured(label);
    return uplink == nullptr ? std::to_string(label) : uplink->name;
}

json label_names(const Agent& agent, const policy::LabelList& labels) {
    json names = json::array();
    for (const policy::Label label : labels) {
        names.push_back(label_name(agent, label));
    }
    return names;
}

constexpr std::array<std::pair<std::string_view, std::uint8_t>, 4> kProtocols{
    {{"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"sctp", 132}}};

std::string protocol_name(std::uint8_t protocol) {
    if (protocol == policy::kAnyProtocol) {
        return "any";
    }
    for (const auto& [name, number] : kProtocols) {
        if (number == protocol) {
            return std::string(name);
        }
    }
    return std::to_string(protocol);
}

std::string ports_text(const policy::PortRange& ports) {
    if (ports.any()) {
        return "any";
    }
    return ports.first == ports.last ? std::to_string(ports.first)
                                     : std::to_string(ports.first) + "-" + std::to_string(ports.last);
}

const std::string& rule_name(const Agent& agent, std::size_t index) {
    static const std::string kNone;
    const std::vector<std::string>& names = agent.config().policy.names;
    return index < names.size() ? names[index] : kNone;
}

json generation_view(const policy::Generation& generation) {
    return {{"version", generation.version}, {"digest", policy::to_hex(generation.digest)}};
}

/// What the rule carried since it came into force, where the kernel counts it.
void put_traffic(const Agent& agent, std::uint32_t rule, json& view) {
    if (agent.steering() != nullptr && rule < HOMEWARD_RULES_COUNTED) {
        const homeward_traffic traffic = agent.steering()->carried_by(rule);
        view["packets"] = traffic.packets;
        view["bytes"] = traffic.bytes;
    }
}

/// By place in the rule's uplinks; null where it does not spread.
json weights_view(const policy::Rule& rule) {
    json weights = nullptr;
    for (std::size_t i = 0; policy::spreads(rule.mode) && i < rule.uplinks.size(); ++i) {
        weights.push_back(rule.weights[i]);
    }
    return weights;
}

/// By the uplinks' names; null while none was measured.
json rates_view(const Agent& agent, const policy::Rates& rates) {
    json relative = nullptr;
    for (const policy::Label label : rates.labels()) {
        relative[label_name(agent, label)] = rates.of(label);
    }
    return relative;
}

template <class T>
std::optional<T> number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional<T>(value) : std::nullopt;
}

/// The flow a person asks about, or an error in their words.
Result<policy::FlowKey> flow_of(const admin::Request& request) {
    policy::FlowKey flow;
    const auto to = wire::Ipv4Address::parse(request.parameter("to"));
    if (!to) {
        return Error{"to: an IPv4 address is expected, not \"" + std::string(request.parameter("to")) + "\""};
    }
    flow.correspondent = *to;
    if (const std::string_view text = request.parameter("protocol"); !text.empty() && text != "any") {
        std::optional<std::uint8_t> protocol = number<std::uint8_t>(text);
        for (const auto& [name, value] : kProtocols) {
            protocol = name == text ? value : protocol;
        }
        if (!protocol) {
            return Error{"protocol: tcp, udp, icmp, sctp or a number is expected, not \"" + std::string(text) + "\""};
        }
        flow.protocol = *protocol;
    }
    if (const std::string_view text = request.parameter("port"); !text.empty()) {
        const auto port = number<std::uint16_t>(text);
        if (!port) {
            return Error{"port: 0-65535 is expected, not \"" + std::string(text) + "\""};
        }
        flow.has_port = true;
        flow.port = *port;
    }
    return flow;
}

/// The uplinks that flows of a candidate take now: the usable ones, reserves only where there is no other.
std::string spread_over(const Agent& agent, const policy::Candidate& candidate) {
    std::string members;
    std::string reserve;
    for (std::size_t place = 0; place < candidate.uplinks.size(); ++place) {
        for (unsigned slot = 0; slot < agent.config().uplinks.size(); ++slot) {
            const config::UplinkConfig& uplink = agent.config().uplinks[slot];
            if (uplink.label != candidate.uplinks[place] || !agent.coordinator().usable(slot)) {
                continue;
            }
            if (candidate.weights[place] != 0) {
                members += (members.empty() ? "" : ", ") + uplink.name;
            } else if (reserve.empty()) {
                reserve = uplink.name;
            }
        }
    }
    return members.empty() ? reserve : members;
}

/// The uplinks that each packet of a candidate leaves by now.
std::string both_of(const Agent& agent, const policy::Candidate& candidate) {
    std::string members;
    std::size_t count = 0;
    for (const policy::Label label : candidate.uplinks) {
        const unsigned slot = agent.slot_of(label);
        if (agent.coordinator().usable(slot) && count < 2) {
            members += (count++ == 0 ? "" : ", ") + agent.config().uplinks[slot].name;
        }
    }
    return members;
}

}  // namespace

json policy_view(const Agent& agent, bool all) {
    const policy::Policy& policy = agent.config().policy.policy;
    json rules = json::array();
    for (std::size_t i = 0; i < policy.rules.size() && (all || i < kRulesShown); ++i) {
        const policy::Rule& rule = policy.rules[i];
        rules.push_back({{"index", i},
                         {"name", rule_name(agent, i)},
                         {"correspondent", rule.correspondent.to_string()},
                         {"protocol", protocol_name(rule.protocol)},
                         {"ports", ports_text(rule.ports)},
                         {"uplinks", label_names(agent, rule.uplinks)},
                         {"mode", policy::name_of(rule.mode)},
                         {"weights", weights_view(rule)}});
        put_traffic(agent, static_cast<std::uint32_t>(i), rules.back());
    }
    const auto& peer = agent.peer_policy();
    return {{"generation", generation_view(agent.generation())},
            {"peer", peer ? generation_view(peer->generation) : json(nullptr)},
            {"synchronised", peer && peer->synchronised},
            {"default", label_names(agent, policy.fallback)},
            {"rates", rates_view(agent, policy.rates)},
            {"rules", std::move(rules)},
            {"total_rules", policy.rules.size()}};
}

admin::Reply route_view(const Agent& agent, const admin::Request& request) {
    const Result<policy::FlowKey> flow = flow_of(request);
    if (!flow) {
        return admin::error_reply(400, flow.error().text);
    }
    const policy::Candidate& candidate = agent.table().lookup(flow.value());
    const bool fallback = candidate.rule == policy::kFallbackRule;
    std::string why =
        fallback ? "No rule matches, so the default decides"
                 : "Rule " + std::to_string(candidate.rule) +
                       (rule_name(agent, candidate.rule).empty() ? "" : " (" + rule_name(agent, candidate.rule) + ")") +
                       " matches first";
    json chosen = nullptr;
    for (const policy::Label label : candidate.uplinks) {
        for (unsigned slot = 0; slot < agent.config().uplinks.size() && chosen.is_null(); ++slot) {
            if (agent.config().uplinks[slot].label != label) {
                continue;
            }
            if (agent.coordinator().usable(slot)) {
                chosen = agent.config().uplinks[slot].name;
            } else {
                why += "; " + agent.config().uplinks[slot].name + " is not usable (" + uplink_state(agent, slot) + ")";
            }
        }
    }
    if (policy::spreads(candidate.mode) && !chosen.is_null()) {
        chosen = spread_over(agent, candidate);
        why += "; it spreads: each flow takes one of these uplinks, by its addresses and ports.";
    } else if (candidate.mode == policy::Mode::redundant && agent.numbering_agreed() && !chosen.is_null()) {
        chosen = both_of(agent, candidate);
        why += "; it is redundant: each packet leaves by each of these uplinks, the first copy counts.";
    } else {
        why += chosen.is_null() ? (candidate.uplinks.empty() ? "; it says drop." : "; no uplink is left.")
                                : "; " + chosen.get<std::string>() + " is the first usable uplink it names.";
    }
    json rule = nullptr;
    if (!fallback) {
        rule = {{"index", candidate.rule}, {"name", rule_name(agent, candidate.rule)}};
    }
    return admin::json_reply({{"to", flow.value().correspondent.to_string()},
                              {"rule", rule},
                              {"uplinks", label_names(agent, candidate.uplinks)},
                              {"chosen", chosen},
                              {"why", why}});
}

}  // namespace homeward::mn
