#include "implementation.h"

#include <algorithm>
#include <utility>

namespace homeward::mn::registration {

Client::Implementation::Implementation(ClientConfig given)
    : config(std::move(given)), home_address(config.home_address), home_agent(config.home_agent) {
    echo_identifier = static_cast<std::uint16_t>(config.random());
}

Binding* Client::Implementation::find(Label label) {
    const auto found = bindings.find(label);
    return found == bindings.end() ? nullptr : &found->second;
}

std::optional<Label> Client::Implementation::survivor(Label subject) const {
    const auto rank = [](const Binding& binding) {
        return std::pair{binding.draining, binding.round_trip.smoothed().value_or(Duration::max())};
    };
    const Binding* best = nullptr;
    for (const auto& [label, binding] : bindings) {
        const bool fits = label != subject && binding.up && usable(binding.state);
        if (fits && (best == nullptr || rank(binding) < rank(*best))) {
            best = &binding;
        }
    }
    return best == nullptr ? std::nullopt : std::optional{best->label};
}

std::optional<Label> Client::Implementation::way_to_remove(const Binding& binding) const {
    if (const auto other = survivor(binding.label)) {
        return other;
    }
    const bool others_may_come = std::any_of(bindings.begin(), bindings.end(), [&](const auto& entry) {
        return entry.first != binding.label && entry.second.up && !entry.second.draining;
    });
    return binding.up && !others_may_come ? std::optional{binding.label} : std::nullopt;
}

bool Client::Implementation::is_primary(const Binding& binding) const {
    for (const auto& [label, other] : bindings) {
        if (other.up && !other.draining) {
            return label == binding.label;
        }
    }
    return true;
}

void Client::Implementation::set_state(Binding& binding, State state, std::string reason) {
    binding.state = state;
    binding.reason = std::move(reason);
    publish(binding);
}

void Client::Implementation::publish(Binding& binding) {
    if (binding.published_state == binding.state && binding.published_draining == binding.draining) {
        return;
    }
    binding.published_state = binding.state;
    binding.published_draining = binding.draining;
    actions.emplace_back(BindingChanged{status(binding)});
}

void Client::Implementation::event(Event::Kind kind, Label label, std::string text) {
    actions.emplace_back(Event{kind, label, std::move(text)});
}

double Client::Implementation::uniform() {
    constexpr double kScale = 1.0 / (std::uint64_t{1} << 53);
    return static_cast<double>(config.random() >> 11) * kScale;
}

Duration Client::Implementation::jittered(Duration base, double least, double most) {
    return std::chrono::duration_cast<Duration>(base * (least + (most - least) * uniform()));
}

BindingStatus Client::Implementation::status(const Binding& binding) const {
    return {.label = binding.label,
            .state = binding.state,
            .up = binding.up,
            .draining = binding.draining,
            .care_of = binding.care_of,
            .round_trip = binding.round_trip.smoothed(),
            .last_reply_at = binding.last_reply_at,
            .renews_at = usable(binding.state) ? binding.register_at : std::nullopt,
            .expires_at = binding.expires_at,
            .keepalive = binding.keepalive.interval(),
            .reason = binding.reason};
}

}  // namespace homeward::mn::registration
