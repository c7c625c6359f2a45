#include "registration/client.h"

#include <utility>

#include "implementation.h"

namespace homeward::mn::registration {

std::string_view name(State state) noexcept {
    switch (state) {
        case State::idle:
            return "idle";
        case State::registering:
            return "registering";
        case State::bound:
            return "bound";
        case State::renewing:
            return "renewing";
        case State::lost:
            return "lost";
    }
    return "unknown";
}

std::string_view name(Event::Kind kind) noexcept {
    switch (kind) {
        case Event::Kind::binding_registered:
            return "binding-registered";
        case Event::Kind::binding_removed:
            return "binding-removed";
        case Event::Kind::binding_lost:
            return "binding-lost";
        case Event::Kind::registration_denied:
            return "registration-denied";
        case Event::Kind::clock_adjusted:
            return "clock-adjusted";
        case Event::Kind::mapping_lost:
            return "mapping-lost";
        case Event::Kind::policy_synchronised:
            return "policy-synchronised";
        case Event::Kind::numbering:
            return "sequence-numbers";
        case Event::Kind::tunnel:
            return "tunnel";
    }
    return "unknown";
}

Client::Client(ClientConfig config) : implementation_(std::make_unique<Implementation>(std::move(config))) {}
Client::~Client() = default;

void Client::uplink_up(Label label, std::uint8_t technology, wire::Ipv4Address care_of, std::uint64_t gateway_id,
                       Now now) {
    implementation_->uplink_up(label, technology, care_of, gateway_id, now);
}

void Client::uplink_down(Label label, Now now) {
    implementation_->uplink_down(label, now);
}
void Client::drain(Label label, Now now) {
    implementation_->drain(label, now);
}
void Client::set_times(std::chrono::seconds lifetime, std::chrono::seconds keepalive) {
    implementation_->config.lifetime = lifetime;
    implementation_->config.keepalive = keepalive;
}
void Client::shut_down(Now now) {
    implementation_->shut_down(now);
}
bool Client::finished() const noexcept {
    return implementation_->done;
}

void Client::datagram(Label label, wire::ByteView payload, wire::Ipv4Address source, Now now) {
    implementation_->datagram(label, payload, source, now);
}

bool Client::echo_reply(Label label, wire::ByteView inner_packet, Now now) {
    return implementation_->echo_reply(label, inner_packet, now);
}

void Client::data_sent(Label label, Duration monotonic) {
    if (Binding* binding = implementation_->find(label)) {
        binding->keepalive.sent(monotonic);
    }
}

void Client::refresh(Label label, Now now) {
    implementation_->refresh(label, now);
}
void Client::ask(Label label, Now now) {
    implementation_->ask(label, now);
}
void Client::measured(Label label, Duration round_trip) {
    if (Binding* binding = implementation_->find(label)) {
        binding->round_trip.sample(round_trip);
        binding->plain_works |= binding->plain;
    }
}

void Client::policy_changed(std::shared_ptr<const policy::Policy> policy, policy::Generation generation, Now now) {
    implementation_->policy_changed(std::move(policy), generation, now);
}

void Client::tick(Now now) {
    implementation_->tick(now);
}
std::optional<Duration> Client::next_deadline() const {
    return implementation_->next_deadline();
}
std::vector<Action> Client::take_actions() {
    return std::exchange(implementation_->actions, {});
}

std::vector<BindingStatus> Client::bindings() const {
    std::vector<BindingStatus> result;
    for (const auto& [label, binding] : implementation_->bindings) {
        result.push_back(implementation_->status(binding));
    }
    return result;
}

std::optional<wire::Ipv4Address> Client::home_address() const {
    return implementation_->home_address;
}
wire::Ipv4Address Client::home_agent() const {
    return implementation_->home_agent;
}
std::optional<policy::Generation> Client::policy_of_home_agent() const {
    return std::nullopt;
}
const Counters& Client::counters() const noexcept {
    return implementation_->counters;
}

}  // namespace homeward::mn::registration
