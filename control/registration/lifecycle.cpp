#include <algorithm>
#include <utility>

#include "flow_policy.h"
#include "node.h"
#include "registration/home_agent.h"

/// How nodes come and go apart from registration: configuration, the store, the end of lifetimes; and what others see.
namespace homeward::registration {
namespace {

mip::Algorithm algorithm_of(config::Algorithm algorithm) {
    return algorithm == config::Algorithm::hmac_md5 ? mip::Algorithm::hmac_md5 : mip::Algorithm::hmac_sha256;
}

std::string identity_of(const config::Node& node) {
    return node.nai.empty() ? node.home_address->to_string() : node.nai;
}

void set_associations(Node& node) {
    node.associations.clear();
    for (const config::SecurityAssociation& held : node.config->associations) {
        node.associations.push_back(
            {mip::Authenticator(held.spi, algorithm_of(held.algorithm), held.key), held.replay});
    }
}

bool in_home_networks(const config::HomeAgent& config, wire::Ipv4Address address) {
    return std::any_of(config.home_networks.begin(), config.home_networks.end(),
                       [address](const config::HomeNetwork& network) { return network.prefix.contains(address); });
}

bool same_policy(const PolicyRef& a, const PolicyRef& b) {
    return a == b || (a && b && a->generation.digest == b->generation.digest);
}

}  // namespace

PolicyRef HomeAgent::configured_policy(const config::Node& node) {
    if (!node.policy) {
        return nullptr;
    }
    wire::Bytes bytes = policy::encode(node.policy->policy);
    const policy::Digest digest = policy::digest(bytes);
    return std::make_shared<AppliedPolicy>(AppliedPolicy{
        PolicySource::home_agent, {1, digest}, share(digest, std::move(bytes)), node.policy->policy.rules.size()});
}

Actions HomeAgent::configure(const config::HomeAgent& config) {
    Actions actions;
    config_ = config;
    source_limit_.set_rate(config_.registration.requests_per_source_per_s);
    const auto assigned_before = pool_.assignments();
    pool_.configure(config_);
    auto before = std::exchange(nodes_, {});
    for (const config::Node& node_config : config_.nodes) {
        const std::string identity = identity_of(node_config);
        const auto held = before.find(identity);
        std::unique_ptr<Node> node = held == before.end() ? std::make_unique<Node>() : std::move(held->second);
        adopt(*node, node_config, identity, actions);
        nodes_.insert_or_assign(identity, std::move(node));
    }
    for (auto& [identity, node] : before) {
        if (node) {
            retire(*node, actions);
            pool_.release(identity);
        }
    }
    for (const auto& [nai, address] : assigned_before) {
        if (!pool_.assigned(nai)) {
            actions.released.push_back(nai);
        }
    }
    by_address_.clear();
    for (const auto& [identity, node] : nodes_) {
        if (node->home_address) {
            by_address_.insert_or_assign(*node->home_address, node.get());
        }
    }
    return actions;
}

/// Gives a node, new or known, its configuration; bindings stay unless its home address is not served any more.
void HomeAgent::adopt(Node& node, const config::Node& node_config, const std::string& identity, Actions& actions) {
    if (node.config == nullptr) {
        if (const auto retired = retired_marks_.extract(identity)) {
            node.guard.restore(retired.mapped());
        }
    }
    node.config = &node_config;
    node.identity = identity;
    set_associations(node);
    const PolicyRef policy_before = node.policy_in_force();
    node.configured = configured_policy(node_config);
    const auto home_address = node_config.home_address ? node_config.home_address : pool_.assigned(identity);
    const bool moved = node.home_address && node.home_address != home_address;
    if (moved || (node.home_address && !in_home_networks(config_, *node.home_address))) {
        drop_bindings(node, actions);
    }
    node.home_address = home_address;
    tell_sync(node);
    if (!node.state.bindings.empty() && !same_policy(policy_before, node.policy_in_force())) {
        actions.publish.push_back(*node.home_address);
        actions.notices.push_back({"policy-applied", identity + " uses another policy after the reload",
                                   *node.home_address, node_config.nai});
    }
}

void HomeAgent::retire(Node& node, Actions& actions) {
    drop_bindings(node, actions);
    retired_marks_.insert_or_assign(node.identity, node.guard.encode());
}

/// Ends everything that runs for the node's home address.
void HomeAgent::drop_bindings(Node& node, Actions& actions) {
    if (node.pending) {
        pending_.erase(node.pending->ticket);
        actions.cancelled.push_back(node.pending->ticket);
        node.pending.reset();
    }
    node.waiting.clear();
    assembling_.erase(&node);
    node.answered.reset();
    if (!node.home_address) {
        return;
    }
    if (!node.state.bindings.empty()) {
        for (const Binding& binding : node.state.bindings) {
            actions.notices.push_back({"binding-removed",
                                       node.identity + " lost binding " + std::to_string(binding.binding_id) +
                                           ": it is not configured any more",
                                       *node.home_address,
                                       {}});
        }
        binding_count_ -= node.state.bindings.size();
        node.state = {};
        bound_.erase(*node.home_address);
        schedule_expiry(node);
        actions.publish.push_back(*node.home_address);
    }
    actions.save.push_back(*node.home_address);
}

Actions HomeAgent::expire(Now now) {
    Actions actions;
    std::erase_if(assembling_, [this, now](Node* node) {
        return node->sync.expire(now.steady, sync_limits()) || node->sync.assembly_bytes() == 0;
    });
    while (!expiries_.empty() && expiries_.begin()->first <= now.steady) {
        Node& node = *expiries_.begin()->second;
        NodeBindings next = node.state;
        std::erase_if(next.bindings, [now](const Binding& binding) { return binding.expires <= now.steady; });
        counters_.count(Event::expired, node.state.bindings.size() - next.bindings.size());
        refresh_flow_table(next);
        if (next.bindings.empty()) {
            next.numbering.reset();
        }
        put_in_force(node, std::move(next), actions);
        actions.save_later.push_back(*node.home_address);
        // What is pending was made of bindings that were alive; when it is installed, what expired since goes next.
        if (!node.pending) {
            actions.publish.push_back(*node.home_address);
        }
    }
    return actions;
}

void HomeAgent::restore_assignment(const std::string& nai, wire::Ipv4Address address) {
    const auto node = nodes_.find(nai);
    if (node == nodes_.end() || node->second->config->home_address) {
        return;
    }
    pool_.restore(nai, address);
    if (pool_.assigned(nai) == address) {
        node->second->home_address = address;
        by_address_.insert_or_assign(address, node->second.get());
    }
}

bool HomeAgent::restore(const SavedNode& saved, Now now) {
    const auto found = by_address_.find(saved.home_address);
    if (found == by_address_.end() || !in_home_networks(config_, saved.home_address)) {
        return false;
    }
    Node& node = *found->second;
    node.guard.restore(saved.replay_marks);
    NodeBindings state = saved.state;
    std::erase_if(state.bindings, [now](const Binding& binding) { return binding.expires <= now.steady; });
    if (state.own) {
        AppliedPolicy own = *state.own;
        own.bytes = share(own.generation.digest, *own.bytes);
        state.own = std::make_shared<AppliedPolicy>(std::move(own));
    }
    refresh_flow_table(state);
    Actions ignored;
    put_in_force(node, std::move(state), ignored);
    return true;
}

std::optional<SavedNode> HomeAgent::saved(wire::Ipv4Address home_address) const {
    const auto found = by_address_.find(home_address);
    if (found == by_address_.end()) {
        return std::nullopt;
    }
    const Node& node = *found->second;
    return SavedNode{home_address, node.state, node.guard.encode()};
}

std::optional<NodeView> HomeAgent::view(wire::Ipv4Address home_address) const {
    const auto found = by_address_.find(home_address);
    return found == by_address_.end() ? std::nullopt : std::optional(view_of(*found->second));
}

std::optional<NodeView> HomeAgent::view(std::string_view name) const {
    if (const auto address = wire::Ipv4Address::parse(name)) {
        return view(*address);
    }
    const auto found = nodes_.find(name);
    return found == nodes_.end() || !found->second->home_address ? std::nullopt
                                                                 : std::optional(view_of(*found->second));
}

NodeView HomeAgent::view_of(const Node& node) const {
    return {*node.home_address,
            node.config->nai,
            node.state,
            node.policy_in_force(),
            node.config->policy ? &*node.config->policy : nullptr,
            node.sync.node_table()};
}

void HomeAgent::for_each_bound(std::optional<wire::Ipv4Address> after,
                               const std::function<bool(const NodeView&)>& take) const {
    for (auto node = after ? bound_.upper_bound(*after) : bound_.begin(); node != bound_.end(); ++node) {
        if (!take(view_of(*node->second))) {
            return;
        }
    }
}

Node* HomeAgent::find_node(std::string_view nai, wire::Ipv4Address home_address) {
    if (!nai.empty()) {
        if (const auto named = nodes_.find(nai); named != nodes_.end()) {
            return named->second.get();
        }
    }
    const auto found = by_address_.find(home_address);
    if (found == by_address_.end()) {
        return nullptr;
    }
    // A node that is configured with a NAI is not the one that calls itself by another.
    const bool other_name = !nai.empty() && !found->second->config->nai.empty();
    return other_name ? nullptr : found->second;
}

}  // namespace homeward::registration
