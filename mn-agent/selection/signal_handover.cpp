#include "selection/signal_handover.h"

#include <algorithm>

#include "selection/candidates.h"

namespace homeward::selection {
namespace {

/// Keeps since when `holds` is true without a break.
void follow(std::optional<Seconds>& since, bool holds, Seconds now) {
    if (!holds) {
        since.reset();
    } else if (!since) {
        since = now;
    }
}

}  // namespace

void SignalHandover::take(const Link& link, Seconds now) {
    Signal& signal = signals_.at(link.key, now);
    if (!link.up || !link.rssi_dbm) {
        signal = Signal{};
        return;
    }
    const double before = signal.level.value();
    const bool first = !signal.level.started();
    if (!first && now <= signal.at) {
        return;
    }
    signal.level.add(*link.rssi_dbm, settings_.gain);
    if (!first) {
        signal.slope.add((signal.level.value() - before) / (now - signal.at), settings_.slope_gain);
    }
    signal.at = now;
    follow(signal.weak_since, signal.level.value() < settings_.leave_dbm, now);
    follow(signal.strong_since, signal.level.value() > settings_.return_dbm, now);
}

void SignalHandover::observe(const Scene& scene) {
    for (const Link& link : scene.links) {
        if (link.technology == Technology::wlan) {
            take(link, scene.now);
        }
    }
}

const Link* SignalHandover::best_wlan(const Scene& scene) const {
    return best_link(scene, [&](const Link& link) {
        const Signal* signal = link.technology == Technology::wlan ? signals_.find(link.key) : nullptr;
        return signal != nullptr && signal->level.started() ? Known{signal->level.value()} : Known{};
    });
}

bool SignalHandover::weak(const Scene& scene, const Link& serving, Technology target) const {
    const Signal* signal = signals_.find(serving.key);
    if (signal == nullptr || !signal->level.started()) {
        return false;  // unknown is not weak
    }
    if (signal->weak_since && scene.now - *signal->weak_since >= settings_.leave_s) {
        return true;
    }
    const Seconds prepare = target == Technology::umts ? settings_.prepare_umts_s : settings_.prepare_lte_s;
    const double slope = signal->slope.started() ? signal->slope.value() : 0;
    return slope < settings_.slope_dbps && signal->level.value() + slope * prepare < settings_.leave_dbm;
}

/// Leaving soon after a return is flapping: the next return has to wait longer.
Decision SignalHandover::leave(const Scene& scene, const Link& target, Reason reason) {
    if (target.technology != Technology::wlan) {
        const bool flaps = returned_ && scene.now - *returned_ < settings_.flap_s;
        hold_off_s_ = flaps ? std::min(2 * hold_off_s_, settings_.hold_off_max_s) : settings_.return_s;
    }
    return go(scene, target.key, reason);
}

Decision SignalHandover::from_wlan(const Scene& scene, const Link& serving) {
    const Link* other = best_wlan(scene);
    const Signal* here = signals_.find(serving.key);
    const Signal* there = other == nullptr || other == &serving ? nullptr : signals_.find(other->key);
    if (there != nullptr && here != nullptr && here->level.started() &&
        there->level.value() > here->level.value() + settings_.roam_db) {
        return go(scene, other->key, Reason::better);
    }
    const Link* rest = strongest_link(scene, [](const Link& link) { return link.technology != Technology::wlan; });
    if (rest == nullptr || !weak(scene, serving, rest->technology)) {
        return hold(scene);
    }
    return leave(scene, *rest, Reason::weak);
}

Decision SignalHandover::to_wlan(const Scene& scene) {
    const Link* wlan = best_wlan(scene);
    const Signal* signal = wlan == nullptr ? nullptr : signals_.find(wlan->key);
    if (signal == nullptr || !signal->strong_since || scene.now - *signal->strong_since < hold_off_s_) {
        return hold(scene);
    }
    returned_ = scene.now;
    return go(scene, wlan->key, Reason::better);
}

Decision SignalHandover::decide(const Scene& scene, Trigger /*trigger*/, const Deadline& /*deadline*/) {
    const Link* serving = scene.alive();
    if (serving != nullptr) {
        return serving->technology == Technology::wlan ? from_wlan(scene, *serving) : to_wlan(scene);
    }
    const Link* wlan = best_wlan(scene);
    const Signal* signal = wlan == nullptr ? nullptr : signals_.find(wlan->key);
    if (signal != nullptr && signal->level.value() > settings_.leave_dbm) {
        return go(scene, wlan->key, Reason::dead);
    }
    const Link* rest = strongest_link(scene, [](const Link& link) { return link.technology != Technology::wlan; });
    const Link* target = rest != nullptr ? rest : any_link(scene);
    return target == nullptr ? hold(scene, Reason::no_candidate) : leave(scene, *target, Reason::dead);
}

}  // namespace homeward::selection
