#include <algorithm>
#include <utility>

#include "flow_policy.h"
#include "node.h"
#include "policy/table.h"
#include "registration/home_agent.h"
#include "transition.h"
#include "validity.h"

/// What follows the checks: the state that an acceptable request leads to, and its reply.
namespace homeward::registration {
namespace {

using mip::ReplyCode;

std::uint16_t granted_lifetime(const config::Registration& rules, std::uint16_t requested) {
    const auto most = std::clamp<std::int64_t>(rules.max_lifetime.count(), 1, mip::kInfiniteLifetime - 1);
    return static_cast<std::uint16_t>(std::min<std::int64_t>(requested, most));
}

std::size_t binding_limit(const config::HomeAgent& config, const config::Node& node) {
    return std::min<std::size_t>({node.max_bindings.value_or(config.registration.max_bindings_per_node),
                                  config.registration.max_bindings_per_node, ipc::kMaxUplinks});
}

bool same_table(const PolicyRef& a, const PolicyRef& b) {
    return a == b || (a && b && a->generation.digest == b->generation.digest &&
                      (a->source == PolicySource::flow_bindings) == (b->source == PolicySource::flow_bindings));
}

bool is_flow_table(const PolicyRef& policy) {
    return policy && policy->source == PolicySource::flow_bindings;
}

ReplyCode acceptance_code(const mip::RegistrationRequest& request) {
    const bool wants_copies = !request.multipath && request.header.has(mip::kSimultaneous);
    return wants_copies && request.header.lifetime != 0 ? ReplyCode::accepted_without_simultaneous
                                                        : ReplyCode::accepted;
}

mip::RegistrationReply reply_to(const mip::RegistrationRequest& request, const config::HomeAgent& config,
                                wire::Ipv4Address home_address, std::uint16_t granted, bool behind_nat, bool plain) {
    mip::RegistrationReply reply;
    reply.header.code = acceptance_code(request);
    reply.header.lifetime = granted;
    reply.header.home_address = home_address;
    reply.header.home_agent = config.address;
    reply.nai = request.nai;
    if (request.udp_tunnel && granted != 0) {
        mip::UdpTunnelReply tunnel;
        tunnel.code = plain ? mip::UdpTunnelReply::kDeclined : mip::UdpTunnelReply::kAssented;
        tunnel.forced = request.udp_tunnel->forced && !behind_nat;
        tunnel.keepalive_s =
            static_cast<std::uint16_t>(std::clamp<std::int64_t>(config.registration.keepalive.count(), 0, 0xffff));
        reply.udp_tunnel = tunnel;
    }
    return reply;
}

}  // namespace

std::shared_ptr<const wire::Bytes> HomeAgent::share(const policy::Digest& digest, wire::Bytes bytes) {
    std::weak_ptr<const wire::Bytes>& held = shared_bytes_[digest];
    if (auto shared = held.lock()) {
        return shared;
    }
    // Other entries may have outlived their last user; a sweep now and then keeps the map as small as its content.
    if (shared_bytes_.size() > 64 && (shared_bytes_.size() & (shared_bytes_.size() - 1)) == 0) {
        std::erase_if(shared_bytes_, [&digest](const auto& e) { return e.second.expired() && e.first != digest; });
    }
    auto made = std::make_shared<const wire::Bytes>(std::move(bytes));
    shared_bytes_[digest] = made;
    return made;
}

PolicyRef HomeAgent::make_flow_table(const policy::Policy& table, std::uint32_t version) {
    wire::Bytes bytes = policy::encode(table);
    const policy::Digest digest = policy::digest(bytes);
    return std::make_shared<AppliedPolicy>(AppliedPolicy{
        PolicySource::flow_bindings, {version, digest}, share(digest, std::move(bytes)), table.rules.size()});
}

/// A table ends with the last binding; a flow table whose bindings changed sends unmatched packets to other ones.
void HomeAgent::refresh_flow_table(NodeBindings& next) {
    if (next.bindings.empty()) {
        next.own.reset();
    }
    if (!is_flow_table(next.own)) {
        return;
    }
    auto table = policy::decode(*next.own->bytes);
    const policy::LabelList live = live_binding_ids(next.bindings);
    if (table && table->fallback != live) {
        table->fallback = live;
        next.own = make_flow_table(*table, next.own->generation.version + 1);
    }
}

/// The node's own table after the request; a code when it cannot be had.
std::variant<PolicyRef, ReplyCode> HomeAgent::next_table(const Node& node, const mip::RegistrationRequest& request,
                                                         const NodeBindings& next) {
    if (!request.flow_bindings.empty()) {
        const auto made = policy_of(request.flow_bindings, next.bindings, *node.home_address,
                                    config_.registration.max_rules_per_node);
        if (const auto* code = std::get_if<ReplyCode>(&made)) {
            return *code;
        }
        const auto& table = std::get<policy::Policy>(made);
        if (!policy::Table::compile(table)) {
            return ReplyCode::insufficient_resources;
        }
        return make_flow_table(table, node.state.own ? node.state.own->generation.version + 1 : 1);
    }
    NodeBindings kept{next.bindings, node.state.own, {}};
    refresh_flow_table(kept);
    return kept.own;
}

policy::SyncLimits HomeAgent::sync_limits() const {
    policy::SyncLimits limits;
    limits.max_rules = config_.registration.max_rules_per_node;
    limits.max_bytes = std::size_t{limits.max_rules} * 20;
    return limits;
}

/// Feeds the policy synchronisation; a table that is complete becomes the node's own. A code when it cannot be used.
std::optional<ReplyCode> HomeAgent::take_sync(Node& node, const mip::RegistrationRequest& request, NodeBindings& next,
                                              Now now) {
    const std::uint32_t organization = config_.registration.organization;
    if (!mip::has(request.vendor, organization, policy::kSyncVendorType) || next.bindings.empty()) {
        return std::nullopt;
    }
    const wire::Bytes payload = mip::joined(request.vendor, organization, policy::kSyncVendorType);
    policy::SyncReceiver::Outcome outcome =
        node.sync.request(payload, now.steady, sync_limits(), [this](const policy::Digest& digest) {
            const auto held = shared_bytes_.find(digest);
            return held == shared_bytes_.end() ? nullptr : held->second.lock();
        });
    if (outcome.verdict == policy::SyncReceiver::Verdict::malformed) {
        return ReplyCode::poorly_formed;
    }
    if (outcome.verdict == policy::SyncReceiver::Verdict::piece) {
        counters_.count(Event::policy_chunks);
        assembling_.insert(&node);
    }
    if (!outcome.table) {
        return std::nullopt;
    }
    policy::SyncReceiver::Table& table = *outcome.table;
    if (!policy::Table::compile(table.policy)) {
        node.sync.not_applied();
        return ReplyCode::insufficient_resources;
    }
    shared_bytes_[table.generation.digest] = table.encoded;
    next.own = std::make_shared<AppliedPolicy>(
        AppliedPolicy{PolicySource::node, table.generation, std::move(table.encoded), table.policy.rules.size()});
    return std::nullopt;
}

void HomeAgent::add_sync_state(const Node& node, std::size_t capacity, mip::RegistrationReply& reply) const {
    if (capacity != 0) {
        const wire::Bytes state = node.sync.reply(std::max(capacity, policy::SyncReceiver::kMinReply));
        mip::append_in_pieces(reply.vendor, config_.registration.organization, policy::kSyncVendorType, state);
    }
}

/// What a registration asks for holds until the next one; a removal leaves it, as long as there is a binding.
std::optional<mip::Numbering> HomeAgent::next_numbering(const Node& node, const mip::RegistrationRequest& request,
                                                        const NodeBindings& next, bool plain) const {
    const config::Registration& rules = config_.registration;
    if (next.bindings.empty() || !rules.sequence_numbers || plain) {
        return std::nullopt;
    }
    return request.header.lifetime == 0
               ? node.state.numbering
               : mip::decode_numbering(mip::joined(request.vendor, rules.organization, mip::Numbering::kVendorType));
}

/// Tells the node's end of the synchronisation which table counts now.
void HomeAgent::tell_sync(Node& node) {
    const PolicyRef& policy = node.policy_in_force();
    if (!policy || node.state.bindings.empty()) {
        node.sync.nothing_in_force();
    } else {
        node.sync.in_force(policy->generation, is_flow_table(policy) ? nullptr : policy->bytes);
    }
}

void HomeAgent::accept(Node& node, Claim& claim, Now now, Actions& actions) {
    const mip::RegistrationRequest& request = *claim.request();
    const std::uint16_t granted = granted_lifetime(config_.registration, request.header.lifetime);
    const bool plain = granted != 0 && is_plain(claim);
    const Endpoint tunnel{claim.source.address, plain ? Endpoint::kNoUdp : claim.source.port};
    NodeBindings next;
    next.bindings = next_bindings(node.state.bindings, request, tunnel, *node.home_address, granted, now);
    auto table = next_table(node, request, next);
    if (const auto* code = std::get_if<ReplyCode>(&table)) {
        return deny(node, claim, *code, now, actions);
    }
    next.own = std::get<PolicyRef>(std::move(table));
    if (next.bindings.size() > node.state.bindings.size()) {
        if (next.bindings.size() > binding_limit(config_, *node.config)) {
            return deny(node, claim, ReplyCode::too_many_bindings, now, actions);
        }
        if (binding_count_ + pending_.size() >= config_.registration.max_bindings) {
            return deny(node, claim, ReplyCode::insufficient_resources, now, actions);
        }
    }
    if (const auto code = take_sync(node, request, next, now)) {
        return deny(node, claim, *code, now, actions);
    }
    next.numbering = next_numbering(node, request, next, plain);
    const bool behind_nat = claim.source.address != request.header.care_of;
    if (behind_nat && granted != 0) {
        counters_.count(Event::nat_detected);
    }
    mip::RegistrationReply reply = reply_to(request, config_, *node.home_address, granted, behind_nat, plain);
    if (next.numbering && granted != 0) {
        mip::append_in_pieces(reply.vendor, config_.registration.organization, mip::Numbering::kVendorType,
                              mip::encode(*next.numbering));
    }
    reply.header.identification =
        node.guard.reply_to(claim.association.replay, claim.header().identification, true, now.unix, random_());
    Answered answer{claim.mark, std::move(reply), now.steady + std::chrono::seconds(granted),
                    mip::joined(request.vendor, config_.registration.organization, policy::kSyncVendorType).size()};
    const PolicyRef& policy = next.own ? next.own : node.configured;
    if (!forward_alike(node.state.bindings, next.bindings) || node.state.numbering != next.numbering ||
        (!next.bindings.empty() && !same_table(node.policy_in_force(), policy))) {
        const std::uint64_t ticket = next_ticket_++;
        const bool at_home = granted == 0 && claim.source.address == *node.home_address;
        actions.installs.push_back({ticket, *node.home_address, next, policy});
        node.pending = std::make_unique<Pending>(
            Pending{ticket, std::move(next), std::move(answer), claim.association.authenticator, at_home});
        pending_.emplace(ticket, &node);
        return;
    }
    renew(node, std::move(next), std::move(answer), claim.association.authenticator, now, actions);
}

void HomeAgent::renew(Node& node, NodeBindings next, Answered answer, const mip::Authenticator& authenticator, Now now,
                      Actions& actions) {
    counters_.count(Event::accepted);
    counters_.count(Event::renewed);
    counters_.count(answer.reply.header.code);
    const auto lifetime = std::chrono::seconds(answer.reply.header.lifetime);
    const bool store_is_fresh = node.state.own == next.own && node.saved && now.steady - *node.saved < lifetime / 4;
    if (store_is_fresh) {
        actions.save_later.push_back(*node.home_address);
    } else {
        actions.save.push_back(*node.home_address);
        node.saved = now.steady;
    }
    put_in_force(node, std::move(next), actions);
    add_sync_state(node, answer.sync_capacity, answer.reply);
    actions.replies.push_back({answer.request.source, mip::encode(answer.reply, authenticator)});
    node.answered = std::move(answer);
}

}  // namespace homeward::registration
