#include "registration/home_agent.h"

#include <algorithm>
#include <utility>

#include "mip/request.h"
#include "mip/tunnel.h"
#include "node.h"
#include "transition.h"
#include "validity.h"

namespace homeward::registration {
namespace {

constexpr std::uint32_t kFailureAnswersPerSecond = 100;

RequestMark mark_of(const mip::RequestFrame& frame, Endpoint source) {
    const wire::ByteView authenticator = frame.authentication.authenticator;
    return {frame.authentication.spi, frame.datagram.size(), {authenticator.begin(), authenticator.end()}, source};
}

const Association* association_of(const Node& node, std::uint32_t spi) {
    const auto found = std::find_if(node.associations.begin(), node.associations.end(),
                                    [spi](const Association& held) { return held.authenticator.spi() == spi; });
    return found == node.associations.end() ? nullptr : &*found;
}

std::uint16_t seconds_left(std::chrono::nanoseconds expires, Now now) {
    const auto left = std::chrono::duration_cast<std::chrono::seconds>(expires - now.steady).count();
    return static_cast<std::uint16_t>(std::clamp<std::int64_t>(left, 0, mip::kInfiniteLifetime - 1));
}

std::optional<std::string> nai_of(const Claim& claim) {
    return claim.frame.nai.empty() ? std::nullopt : std::optional(std::string(claim.frame.nai));
}

}  // namespace

HomeAgent::HomeAgent(const config::HomeAgent& config, Random random)
    : random_(std::move(random)),
      source_limit_(config.registration.requests_per_source_per_s),
      denial_limit_(kFailureAnswersPerSecond, 1) {
    configure(config);
}

HomeAgent::~HomeAgent() = default;

Actions HomeAgent::handle(const Datagram& datagram, Now now) {
    Actions actions;
    counters_.count(Event::requests);
    if (!source_limit_.take(datagram.source.address, now.steady)) {
        counters_.count(Silent::rate_limited);
        return actions;
    }
    process(datagram, now, actions);
    return actions;
}

/// Validity rows 1–5: who is it, and is it now?
void HomeAgent::process(const Datagram& datagram, Now now, Actions& actions) {
    if (!datagram.bytes.empty() &&
        datagram.bytes[0] != static_cast<std::uint8_t>(mip::MessageType::registration_request)) {
        return counters_.count(Silent::not_a_request);
    }
    const auto framed = mip::frame_request(datagram.bytes);
    if (const auto* reason = std::get_if<mip::Unframed>(&framed)) {
        return counters_.count(*reason);
    }
    const auto& frame = std::get<mip::RequestFrame>(framed);
    Node* const node = find_node(frame.nai, frame.header.home_address);
    if (node == nullptr) {
        return counters_.count(Silent::unknown_node);
    }
    const Association* const association = association_of(*node, frame.authentication.spi);
    if (association == nullptr) {
        return counters_.count(Silent::unknown_spi);
    }
    Claim claim{frame, *association, datagram.source, datagram.to_broadcast, false, mip::Malformed{}, {}};
    if (!association->authenticator.verify(frame.authentication)) {
        return answer_failed_authentication(claim, now, actions);
    }
    claim.mark = mark_of(frame, datagram.source);
    if (node->pending) {
        if (node->pending->answer.request == claim.mark) {
            return counters_.count(Silent::duplicate_in_progress);
        }
        if (node->waiting.size() == kMaxWaiting) {
            return counters_.count(Silent::queue_full);
        }
        node->waiting.push_back(
            {{datagram.bytes.begin(), datagram.bytes.end()}, datagram.source, datagram.to_broadcast});
        return;
    }
    if (answer_duplicate(*node, claim, now, actions)) {
        return;
    }
    claim.decoded = mip::decode_request(frame);
    decide(*node, claim, now, actions);
}

void HomeAgent::decide(Node& node, Claim& claim, Now now, Actions& actions) {
    const config::Registration& rules = config_.registration;
    claim.fresh = node.guard.fresh(claim.association.replay, claim.header().identification, claim.scope(), now.unix,
                                   rules.timestamp_tolerance);
    if (!claim.fresh) {
        return deny(node, claim, mip::ReplyCode::identification_mismatch, now, actions);
    }
    source_limit_.give_back(claim.source.address);
    node.guard.use(claim.association.replay, claim.header().identification, claim.scope(), random_());
    if (const auto* malformed = std::get_if<mip::Malformed>(&claim.decoded)) {
        counters_.count(*malformed);
    }
    std::optional<wire::Ipv4Address> home_address = node.home_address;
    if (!home_address) {
        home_address = pool_.candidate(node.identity, claim.header().home_address);
        if (!home_address && claim.header().home_address.is_zero()) {
            return deny(node, claim, mip::ReplyCode::insufficient_resources, now, actions);
        }
    } else if (!claim.header().home_address.is_zero() && claim.header().home_address != *home_address) {
        home_address.reset();
    }
    const auto is_home_address = [this, &home_address](wire::Ipv4Address address) {
        return address == home_address || by_address_.contains(address);
    };
    if (const auto code = refusal({config_, home_address, is_home_address}, claim)) {
        return deny(node, claim, *code, now, actions);
    }
    if (!node.home_address) {
        pool_.assign(node.identity, *home_address);
        node.home_address = home_address;
        by_address_.emplace(*home_address, &node);
        actions.assigned.emplace_back(node.identity, *home_address);
    }
    accept(node, claim, now, actions);
}

void HomeAgent::deny(Node& node, const Claim& claim, mip::ReplyCode code, Now now, Actions& actions) {
    counters_.count(code);
    mip::RegistrationReply reply;
    reply.header = {
        code, 0, claim.header().home_address, config_.address,
        node.guard.reply_to(claim.association.replay, claim.header().identification, claim.fresh, now.unix, random_())};
    reply.nai = nai_of(claim);
    actions.replies.push_back({claim.source, mip::encode(reply, claim.association.authenticator)});
    if (claim.fresh && node.home_address) {
        actions.save_later.push_back(*node.home_address);
    }
    actions.notices.push_back({"registration-denied", node.identity + " was refused: " + mip::text(code),
                               node.home_address.value_or(wire::Ipv4Address{}), node.config->nai});
}

void HomeAgent::answer_failed_authentication(const Claim& claim, Now now, Actions& actions) {
    counters_.count(Silent::wrong_authenticator);
    if (!config_.registration.answer_failed_authentication || !denial_limit_.take({}, now.steady)) {
        return;
    }
    counters_.count(mip::ReplyCode::authentication_failed);
    mip::RegistrationReply reply;
    reply.header = {mip::ReplyCode::authentication_failed, 0, claim.header().home_address, config_.address,
                    claim.header().identification};
    reply.nai = nai_of(claim);
    wire::Bytes bytes = mip::encode(reply, claim.association.authenticator);
    // Nobody proved to have sent the request: its source must not get more bytes than it spent.
    if (bytes.size() <= claim.frame.datagram.size()) {
        actions.replies.push_back({claim.source, std::move(bytes)});
    }
}

bool HomeAgent::answer_duplicate(const Node& node, const Claim& claim, Now now, Actions& actions) {
    if (!node.answered || !(node.answered->request == claim.mark)) {
        return false;
    }
    counters_.count(Event::duplicates);
    mip::RegistrationReply reply = node.answered->reply;
    reply.header.lifetime = seconds_left(node.answered->expires, now);
    actions.replies.push_back({claim.source, mip::encode(reply, claim.association.authenticator)});
    return true;
}

Actions HomeAgent::installed(std::uint64_t ticket, Now now) {
    Actions actions;
    const auto found = pending_.extract(ticket);
    if (!found) {
        return actions;
    }
    Node& node = *found.mapped();
    const std::unique_ptr<Pending> pending = std::move(node.pending);
    const bool was_bound = !node.state.bindings.empty();
    put_in_force(node, std::move(pending->next), actions);
    const bool is_bound = !node.state.bindings.empty();
    if (is_bound && !was_bound) {
        actions.announcements.push_back({*node.home_address, true});
    } else if (!is_bound && pending->at_home) {
        actions.announcements.push_back({*node.home_address, false});
    }
    counters_.count(Event::accepted);
    counters_.count(pending->answer.reply.header.code);
    actions.save.push_back(*node.home_address);
    node.saved = now.steady;
    add_sync_state(node, pending->answer.sync_capacity, pending->answer.reply);
    actions.replies.push_back(
        {pending->answer.request.source, mip::encode(pending->answer.reply, pending->authenticator)});
    node.answered = std::move(pending->answer);
    resume(node, now, actions);
    return actions;
}

Actions HomeAgent::not_installed(std::uint64_t ticket, Now now) {
    Actions actions;
    const auto found = pending_.extract(ticket);
    if (!found) {
        return actions;
    }
    Node& node = *found.mapped();
    const std::unique_ptr<Pending> pending = std::move(node.pending);
    counters_.count(Event::dataplane_timeouts);
    counters_.count(mip::ReplyCode::insufficient_resources);
    mip::RegistrationReply reply = pending->answer.reply;
    reply.header.code = mip::ReplyCode::insufficient_resources;
    reply.header.lifetime = 0;
    reply.udp_tunnel.reset();
    node.sync.not_applied();
    actions.replies.push_back({pending->answer.request.source, mip::encode(reply, pending->authenticator)});
    actions.publish.push_back(*node.home_address);
    actions.save_later.push_back(*node.home_address);
    actions.notices.push_back({"registration-denied",
                               node.identity + " was refused: the data plane did not confirm the binding",
                               *node.home_address, node.config->nai});
    resume(node, now, actions);
    return actions;
}

/// Takes the requests that waited, until one of them has to wait for the data plane itself.
void HomeAgent::resume(Node& node, Now now, Actions& actions) {
    std::deque<Waiting> waiting = std::exchange(node.waiting, {});
    while (!waiting.empty()) {
        const Waiting next = std::move(waiting.front());
        waiting.pop_front();
        process({next.bytes, next.source, next.to_broadcast}, now, actions);
    }
}

void HomeAgent::put_in_force(Node& node, NodeBindings next, Actions& actions) {
    const PolicyRef policy_before = node.policy_in_force();
    const NodeBindings before = std::exchange(node.state, std::move(next));
    if (policy_before != node.policy_in_force() || before.bindings.empty() != node.state.bindings.empty()) {
        tell_sync(node);
    }
    if (node.state.own && node.state.own->source == PolicySource::node) {
        node.retained = node.state.own;
    }
    binding_count_ += node.state.bindings.size();
    binding_count_ -= before.bindings.size();
    if (node.state.bindings.empty()) {
        bound_.erase(*node.home_address);
    } else {
        bound_.insert_or_assign(*node.home_address, &node);
    }
    schedule_expiry(node);
    describe_change(node, before, actions);
}

void HomeAgent::describe_change(const Node& node, const NodeBindings& before, Actions& actions) const {
    const auto notice = [&](const char* event, std::string text) {
        actions.notices.push_back({event, std::move(text), *node.home_address, node.config->nai});
    };
    const std::string who = node.identity + " (" + node.home_address->to_string() + ")";
    for (const Binding& binding : node.state.bindings) {
        const Binding* const held = before.find(binding.binding_id);
        if (held == nullptr || !held->forwards_like(binding)) {
            const bool plain = binding.tunnel.port == Endpoint::kNoUdp;
            notice("binding-registered", who + " registered binding " + std::to_string(binding.binding_id) + " at " +
                                             binding.tunnel.address.to_string() +
                                             (plain ? ", IP in IP" : ":" + std::to_string(binding.tunnel.port)));
        }
    }
    for (const Binding& binding : before.bindings) {
        if (node.state.find(binding.binding_id) == nullptr) {
            notice("binding-removed", who + " lost binding " + std::to_string(binding.binding_id));
        }
    }
    if (node.state.own && (!before.own || before.own->generation != node.state.own->generation)) {
        notice(node.state.own->source == PolicySource::node ? "policy-synchronised" : "policy-applied",
               who + " uses its own policy of " + std::to_string(node.state.own->rules) + " rules");
    }
}

void HomeAgent::schedule_expiry(Node& node) {
    if (node.scheduled_expiry.count() >= 0) {
        expiries_.erase({node.scheduled_expiry, &node});
        node.scheduled_expiry = std::chrono::nanoseconds{-1};
    }
    const auto first = std::min_element(node.state.bindings.begin(), node.state.bindings.end(),
                                        [](const Binding& a, const Binding& b) { return a.expires < b.expires; });
    if (first != node.state.bindings.end()) {
        node.scheduled_expiry = first->expires;
        expiries_.insert({first->expires, &node});
    }
}

std::optional<std::chrono::nanoseconds> HomeAgent::next_expiry() const {
    return expiries_.empty() ? std::nullopt : std::optional(expiries_.begin()->first);
}

}  // namespace homeward::registration
