#include "flow_policy.h"

#include <algorithm>
#include <bit>

namespace homeward::registration {
namespace {

using mip::ReplyCode;

/// The fewest prefixes that cover the range and nothing else.
std::vector<wire::Ipv4Prefix> prefixes_of(const mip::Range<wire::Ipv4Address>& range) {
    std::vector<wire::Ipv4Prefix> prefixes;
    std::uint64_t next = range.first.host();
    const std::uint64_t end = std::uint64_t{range.last.host()} + 1;
    while (next < end) {
        const int aligned = next == 0 ? 32 : std::countr_zero(next);
        const int fitting = static_cast<int>(std::bit_width(end - next)) - 1;
        const int bits = std::min({aligned, fitting, 32});
        prefixes.push_back({wire::Ipv4Address{static_cast<std::uint32_t>(next)}, static_cast<std::uint8_t>(32 - bits)});
        next += std::uint64_t{1} << bits;
    }
    return prefixes;
}

std::vector<std::uint8_t> protocols_of(const std::optional<mip::Range<std::uint8_t>>& range) {
    if (!range || (range->first == 0 && range->last == 255)) {
        return {policy::kAnyProtocol};
    }
    std::vector<std::uint8_t> protocols;
    for (unsigned protocol = range->first; protocol <= range->last; ++protocol) {
        // 0 is IPv6's hop-by-hop header, which does not occur in IPv4; here it would mean "any".
        if (protocol != policy::kAnyProtocol) {
            protocols.push_back(static_cast<std::uint8_t>(protocol));
        }
    }
    return protocols;
}

template <class T>
bool restricts(const std::optional<mip::Range<T>>& range, T lowest, T highest) {
    return range && (range->first != lowest || range->last != highest);
}

bool expressible(const mip::TrafficSelector& selector) {
    return !selector.spi && !restricts<std::uint16_t>(selector.destination_port, 0, 65535) &&
           !restricts<std::uint8_t>(selector.dscp, 0, 63);
}

void append_rules(policy::Policy& policy, const mip::FlowBinding& flow) {
    policy::Rule rule;
    if (flow.action == mip::FlowBinding::Action::forward) {
        for (const std::uint8_t binding_id : flow.binding_ids) {
            rule.uplinks.push_back(binding_id);
        }
    }
    if (flow.selector.source_port) {
        rule.ports = {flow.selector.source_port->first, flow.selector.source_port->last};
    }
    const auto all = mip::Range<wire::Ipv4Address>{wire::Ipv4Address{}, wire::Ipv4Address{0xffffffff}};
    for (const wire::Ipv4Prefix& prefix : prefixes_of(flow.selector.source.value_or(all))) {
        for (const std::uint8_t protocol : protocols_of(flow.selector.protocol)) {
            rule.correspondent = prefix;
            rule.protocol = protocol;
            policy.rules.push_back(rule);
        }
    }
}

bool resolves(const mip::FlowBinding& flow, const policy::LabelList& live) {
    return flow.action == mip::FlowBinding::Action::drop ||
           std::any_of(flow.binding_ids.begin(), flow.binding_ids.end(),
                       [&live](std::uint8_t binding_id) { return live.contains(binding_id); });
}

}  // namespace

policy::LabelList live_binding_ids(const std::vector<Binding>& bindings) {
    policy::LabelList ids;
    for (const Binding& binding : bindings) {
        if (binding.binding_id != 0) {
            ids.push_back(binding.binding_id);
        }
    }
    return ids;
}

std::variant<policy::Policy, ReplyCode> policy_of(const std::vector<mip::FlowBinding>& flows,
                                                  const std::vector<Binding>& bindings, wire::Ipv4Address home_address,
                                                  std::size_t max_rules) {
    policy::Policy policy;
    policy.fallback = live_binding_ids(bindings);
    if (!std::all_of(flows.begin(), flows.end(),
                     [&policy](const mip::FlowBinding& flow) { return resolves(flow, policy.fallback); })) {
        return ReplyCode::invalid_binding_identifier;
    }
    for (const mip::FlowBinding& flow : flows) {
        if (!expressible(flow.selector)) {
            return ReplyCode::administratively_prohibited;
        }
        if (!flow.selector.destination || flow.selector.destination->contains(home_address)) {
            append_rules(policy, flow);
        }
        if (policy.rules.size() > max_rules) {
            return ReplyCode::insufficient_resources;
        }
    }
    return policy;
}

}  // namespace homeward::registration
