#include "saved_node.h"

#include "policy/generation.h"

namespace homeward::daemon {

store::StoredNode to_store(const registration::SavedNode& node, registration::Now now) {
    store::StoredNode stored;
    stored.home_address = node.home_address;
    stored.replay_marks = node.replay_marks;
    for (const registration::Binding& binding : node.state.bindings) {
        stored.bindings.push_back({binding.binding_id, binding.label, binding.technology, binding.tunnel.address,
                                   binding.tunnel.port, binding.registered_care_of, binding.lifetime_s,
                                   now.unix + (binding.registered - now.steady),
                                   now.unix + (binding.expires - now.steady)});
    }
    if (const registration::PolicyRef& own = node.state.own) {
        stored.policy = {static_cast<std::uint8_t>(own->source), own->generation, own->bytes};
    }
    if (node.state.numbering) {
        stored.numbering = mip::encode(*node.state.numbering);
    }
    return stored;
}

registration::SavedNode from_store(const store::StoredNode& node, registration::Now now) {
    registration::SavedNode saved;
    saved.home_address = node.home_address;
    saved.replay_marks = node.replay_marks;
    for (const store::StoredBinding& binding : node.bindings) {
        registration::Binding restored;
        restored.binding_id = binding.binding_id;
        restored.label = binding.label;
        restored.technology = binding.technology;
        restored.tunnel = {binding.care_of, binding.port};
        restored.registered_care_of = binding.registered_care_of;
        restored.lifetime_s = binding.lifetime_s;
        restored.registered = now.steady + (binding.registered - now.unix);
        restored.expires = now.steady + (binding.expires - now.unix);
        saved.state.bindings.push_back(restored);
    }
    if (node.policy) {
        if (const auto rules = policy::decode(*node.policy->bytes)) {
            saved.state.own = std::make_shared<registration::AppliedPolicy>(
                registration::AppliedPolicy{static_cast<registration::PolicySource>(node.policy->source),
                                            node.policy->generation, node.policy->bytes, rules->rules.size()});
        }
    }
    saved.state.numbering = mip::decode_numbering(node.numbering);
    return saved;
}

}  // namespace homeward::daemon
