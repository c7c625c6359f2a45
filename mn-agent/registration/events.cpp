#include <algorithm>

#include "implementation.h"

/// What happened to uplinks.
namespace homeward::mn::registration {
namespace {

using namespace std::chrono_literals;

constexpr auto kShutdownPatience = 2s;

bool is_another(std::uint64_t gateway, std::uint64_t known) {
    return gateway != 0 && known != 0 && gateway != known;
}

}  // namespace

void Client::Implementation::uplink_up(Label label, std::uint8_t technology, wire::Ipv4Address care_of,
                                       std::uint64_t gateway_id, Now now) {
    if (shutting_down_until) {
        return;
    }
    Binding& binding = bindings[label];
    const bool moved = binding.care_of != care_of || is_another(gateway_id, binding.gateway_id);
    const bool removal_out = binding.pending && binding.pending->purpose == Pending::Purpose::removal;
    const bool stays = binding.up && !moved && !removal_out && binding.state != State::idle;
    binding.label = label;
    binding.technology = technology;
    binding.care_of = care_of;
    binding.gateway_id = gateway_id != 0 ? gateway_id : binding.gateway_id;
    binding.up = true;
    if (stays) {
        if (binding.draining) {
            binding.draining = false;
            binding.remove_at.reset();
            publish(binding);
        }
        return;
    }
    if (moved) {
        binding.round_trip.reset();
        binding.keepalive.moved();
        binding.udp_only = binding.plain_works = false;
    }
    binding.draining = false;
    binding.pending.reset();
    binding.remove_at.reset();
    binding.keepalive.stop();
    binding.echo.reset();
    binding.asked.reset();
    binding.unanswered = binding.refused = 0;
    binding.after_link_event = true;
    binding.register_at = now.monotonic;
    set_state(binding, State::registering, "waits for the home agent's first reply");
    send_due(now);
}

void Client::Implementation::uplink_down(Label label, Now now) {
    Binding* binding = find(label);
    if (binding == nullptr || !binding->up) {
        return;
    }
    binding->up = false;
    binding->draining = false;
    binding->pending.reset();
    binding->register_at.reset();
    binding->remove_at.reset();
    binding->keepalive.stop();
    binding->echo.reset();
    binding->unanswered = 0;
    set_state(*binding, State::idle, "the uplink is down");
    if (shutting_down_until) {
        return;
    }
    if (binding->held) {
        binding->remove_at = now.monotonic;
    }
    for (auto& [other_label, other] : bindings) {
        if (other.pending && other.pending->via == label) {  // a removal that left by the uplink that died
            other.pending.reset();
            other.remove_at = now.monotonic;
        }
    }
    send_removals(now, true);
    for (auto& [other_label, other] : bindings) {
        const bool waits = other.up && !usable(other.state) && !other.draining;
        if (waits && !other.pending && other.refused == 0) {
            other.after_link_event = true;
            other.register_at = now.monotonic;
        }
    }
    send_due(now);
}

void Client::Implementation::drain(Label label, Now now) {
    Binding* binding = find(label);
    if (binding == nullptr || !binding->up || binding->draining || shutting_down_until) {
        return;
    }
    binding->draining = true;
    binding->unanswered = 0;
    if (!binding->held) {
        binding->pending.reset();
        binding->register_at.reset();
        binding->keepalive.stop();
        set_state(*binding, State::idle, "drained");
        return;
    }
    const Duration on_the_way = 2 * binding->round_trip.smoothed().value_or(0s);
    binding->remove_at = now.monotonic + std::max<Duration>(config.drain_settle, on_the_way);
    publish(*binding);
}

void Client::Implementation::refresh(Label label, Now now) {
    Binding* binding = find(label);
    if (binding == nullptr || !usable(binding->state) || binding->draining || binding->pending || shutting_down_until) {
        return;
    }
    doubt_plain(*binding);
    binding->register_at = now.monotonic;
    send_due(now);
}

void Client::Implementation::ask(Label label, Now now) {
    Binding* binding = find(label);
    if (binding == nullptr || binding->up || shutting_down_until) {
        return;
    }
    send_question(*binding, now);
}

void Client::Implementation::shut_down(Now now) {
    if (shutting_down_until) {
        return;
    }
    shutting_down_until = now.monotonic + kShutdownPatience;
    const bool any_held = std::any_of(bindings.begin(), bindings.end(), [](const auto& e) { return e.second.held; });
    for (auto& [label, binding] : bindings) {
        binding.pending.reset();
        binding.register_at.reset();
        binding.remove_at.reset();
        binding.keepalive.stop();
    }
    if (any_held) {
        send_remove_all(now);
    } else {
        done = true;
    }
}

}  // namespace homeward::mn::registration
