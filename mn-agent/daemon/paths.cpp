#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "agent.h"
#include "tunnel/uplink_socket.h"

/// Watching paths: what PathWatch sees and what it asks for.
namespace homeward::mn {
namespace {

using namespace std::chrono_literals;

/// How long a radio that slept may take to carry a packet: promotion times as algorithms for energy models have them
/// (3G from idle 2 s, LTE 0.26 s), for WLAN two beacons' sleep.
std::chrono::milliseconds wake_up_of(const config::UplinkConfig& uplink) {
    using enum config::AccessTechnology;
    if (uplink.wake_up) {
        return *uplink.wake_up;
    }
    switch (uplink.technology) {
        case gsm:
        case umts:
            return 2500ms;
        case lte:
        case wimax:
            return 600ms;
        case wlan:
            return 200ms;
        default:
            return 0ms;
    }
}

}  // namespace

handover::PathSettings Agent::path_settings() const {
    handover::PathSettings settings;
    settings.interval = config_.probe_interval;
    settings.unanswered = config_.probes_unanswered;
    settings.hold_down = config_.hold_down;
    return settings;
}

std::unique_ptr<handover::PathWatch> Agent::make_paths() const {
    std::vector<handover::Duration> wake_ups;
    for (const config::UplinkConfig& uplink : config_.uplinks) {
        wake_ups.emplace_back(wake_up_of(uplink));
    }
    return std::make_unique<handover::PathWatch>(std::move(wake_ups), path_settings());
}

/// PathWatch follows the Coordinator: what carries flows is watched, what fell silent is asked.
void Agent::follow_coordinator() {
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        const handover::State state = coordinator_->state(slot);
        if (coordinator_->usable(slot)) {
            paths_->start(slot, monotonic());
        } else if (state != handover::State::silent && state != handover::State::hold_down) {
            paths_->stop(slot);
        }
    }
}

void Agent::tick_paths() {
    // Answers that wait are looked at before their time is judged. In this order: what the tunnel's thread has taken
    // from a socket and is through with, take_control finds.
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        const UplinkRuntime& uplink = uplinks_[slot];
        const bool waiting = uplink.socket && (tunnel::has_unread(uplink.socket) ||
                                               (uplink.plain_socket && tunnel::has_unread(uplink.plain_socket)));
        paths_->unread(slot, waiting || (uplink.socket && loop_->reading()));
    }
    take_control();
    const auto now = monotonic();
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        paths_->traffic(slot, sent(slot).packets, received(slot).packets, now);
    }
    paths_->tick(now);
    tell_round_trips();
}

std::optional<handover::Duration> Agent::round_trip(unsigned slot) const {
    const auto probed = paths_->quality(slot).round_trip();
    return probed ? probed : uplinks_[slot].binding.round_trip;
}

void Agent::tell_round_trips() {
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        const auto microseconds = std::chrono::duration_cast<std::chrono::microseconds>(
            std::clamp<handover::Duration>(round_trip(slot).value_or(0ns), 0ns, 10s));
        loop_->set_round_trip(slot, static_cast<std::uint32_t>(microseconds.count()));
    }
}

void Agent::run_path_actions() {
    for (const handover::PathAction& action : paths_->take_actions()) {
        std::visit([this](const auto& one) { run(one); }, action);
    }
}

void Agent::run(const handover::SendProbe& action) {
    if (uplinks_[action.slot].socket && home_address_) {
        send_in_tunnel(action.slot, probe_echoes_.request(action.slot, action.number, *home_address_, home_agent_));
        ++probes_sent_;
    }
}

void Agent::run(const handover::SendAsk& action) {
    client_->ask(config_.uplinks[action.slot].label, now());
}

void Agent::run(const handover::Refresh& action) {
    client_->refresh(config_.uplinks[action.slot].label, now());
}

void Agent::run(const handover::PathVerdict& action) {
    coordinator_->path(action.slot, action.alive, monotonic());
}

void Agent::run(const registration::Heard& action) {
    const unsigned slot = slot_of(action.label);
    if (action.round_trip) {
        paths_->keepalive_answered(slot, *action.round_trip, monotonic());
    } else {
        paths_->heard(slot, monotonic());
    }
}

}  // namespace homeward::mn
