#include "flow_bindings.h"

namespace homeward::mn::registration {
namespace {

mip::FlowBinding to(const policy::LabelList& uplinks, const policy::LabelList& live) {
    mip::FlowBinding binding;
    for (const policy::Label label : uplinks) {
        if (live.contains(label)) {
            binding.binding_ids.push_back(label);
        }
    }
    if (binding.binding_ids.empty()) {
        binding.action = mip::FlowBinding::Action::drop;
    }
    return binding;
}

}  // namespace

std::vector<mip::FlowBinding> flow_bindings_of(const policy::Policy& policy, const policy::LabelList& live) {
    std::vector<mip::FlowBinding> bindings;
    bindings.reserve(policy.rules.size() + 1);
    for (const policy::Rule& rule : policy.rules) {
        mip::FlowBinding binding = to(rule.uplinks, live);
        // "Source" is the correspondent: RFC 6088 takes the home agent's view.
        if (rule.correspondent.length > 0) {
            binding.selector.source = {rule.correspondent.first(), rule.correspondent.last()};
        }
        if (!rule.ports.any()) {
            binding.selector.source_port = {rule.ports.first, rule.ports.last};
        }
        if (rule.protocol != policy::kAnyProtocol) {
            binding.selector.protocol = mip::Range<std::uint8_t>::one(rule.protocol);
        }
        bindings.push_back(std::move(binding));
    }
    bindings.push_back(to(policy.fallback, live));
    return bindings;
}

}  // namespace homeward::mn::registration
