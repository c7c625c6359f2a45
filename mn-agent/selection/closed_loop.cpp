#include "selection/closed_loop.h"

#include <algorithm>
#include <cmath>

#include "selection/candidates.h"

namespace homeward::selection {
namespace {

enum Dimension : std::size_t { kPerformance, kEnergy, kOffloading, kContinuity };

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
    return (hash ^ value) * 0x100000001b3U;  // FNV-1a
}

bool same_domain_roam(const Link& from, const Link& to) {
    return from.technology == Technology::wlan && to.technology == Technology::wlan && from.domain == to.domain;
}

}  // namespace

ClosedLoop::ClosedLoop(const Settings& settings)
    : settings_(settings), preference_(settings.preference), policy_(settings.preference.usual) {}

bool ClosedLoop::list_app(const AppNeed& need) {
    if (!(need.mbps >= 0) || !(need.continuity >= 0 && need.continuity <= 1)) {
        return false;
    }
    auto* found = std::find_if(apps_.begin(), apps_.end(), [&](const AppNeed& each) { return each.app == need.app; });
    if (found == apps_.end()) {
        return apps_.push_back(need);
    }
    *found = need;
    return true;
}

void ClosedLoop::unlist_app(std::uint16_t app) {
    auto* found = std::find_if(apps_.begin(), apps_.end(), [&](const AppNeed& each) { return each.app == app; });
    if (found != apps_.end()) {
        apps_.erase(found);
    }
}

const AppNeed& ClosedLoop::need_of(std::uint16_t app) const {
    const auto* found = std::find_if(apps_.begin(), apps_.end(), [&](const AppNeed& each) { return each.app == app; });
    return found == apps_.end() ? settings_.unknown_app : *found;
}

Known ClosedLoop::signal(const Link& link) const {
    const Smoothed* smoothed = signals_.find(link.key);
    return smoothed != nullptr && smoothed->started() ? Known{smoothed->value()} : link.rssi_dbm;
}

/// Measured not long ago, else by signal.
double ClosedLoop::capacity(const Link& link) const {
    const Rate* rate = rates_.find(link.key);
    if (rate != nullptr && rate->mbps.started() && now_ - rate->at <= settings_.rate_memory_s) {
        return rate->mbps.value();
    }
    Link unmeasured = link;
    unmeasured.rate_mbps.reset();
    unmeasured.rssi_dbm = signal(link);
    return capacity_mbps(unmeasured, settings_.rates, settings_.signal_penalty).value_or(settings_.least_mbps);
}

double ClosedLoop::joules_per_mb(const Link& link) const {
    return settings_.watts[static_cast<std::size_t>(link.technology)] / std::max(capacity(link), 0.1);
}

ClosedLoop::Worth ClosedLoop::worth(const Scene& scene, const Link& link) const {
    double demand = 0;
    for (const Flow& flow : scene.flows) {
        demand += std::max(flow.demand_mbps, need_of(flow.app).mbps);
    }
    double dearest_energy = 0;
    double dearest_cost = 0;
    for (const Link& each : scene.links) {
        if (each.up) {
            dearest_energy = std::max(dearest_energy, joules_per_mb(each));
            dearest_cost = std::max(dearest_cost, each.cost_per_mb.value_or(0));
        }
    }
    Worth worth;
    worth.performance = std::min(1.0, capacity(link) / std::max(settings_.least_mbps, demand));
    worth.energy = dearest_energy > 0 ? 1 - joules_per_mb(link) / dearest_energy : 1;
    worth.offloading = dearest_cost > 0 ? 1 - link.cost_per_mb.value_or(0) / dearest_cost : 1;
    if (link.quota_left_mb && *link.quota_left_mb <= 0) {
        worth.offloading = 0;
    }
    return worth;
}

double ClosedLoop::utility(const Worth& worth) const {
    const double sum = policy_[kPerformance] + policy_[kEnergy] + policy_[kOffloading];
    if (sum <= 0) {
        return (worth.performance + worth.energy + worth.offloading) / 3;
    }
    return (policy_[kPerformance] * worth.performance + policy_[kEnergy] * worth.energy +
            policy_[kOffloading] * worth.offloading) /
           sum;
}

bool ClosedLoop::admissible(const Link& link, bool serving) const {
    const double floor = settings_.weak_dbm + settings_.weak_alpha_db * policy_[kPerformance] -
                         (serving ? settings_.weak_hysteresis_db : 0);
    return link.up && (is_cellular(link.technology) || signal(link).value_or(0) >= floor) &&
           link.loss.value_or(0) < settings_.loss_max && link.quota_left_mb.value_or(1) > 0;
}

/// The admissible link of most use; any that is up where none is admissible.
const Link* ClosedLoop::best(const Scene& scene) const {
    const auto useful = [&](const Link& link) { return Known{utility(worth(scene, link))}; };
    const Link* found = best_link(
        scene, [&](const Link& link) { return admissible(link, link.key == scene.serving) ? useful(link) : Known{}; });
    return found != nullptr ? found : best_link(scene, useful);
}

/// How much a handover would interrupt now, 0 … 1.
double ClosedLoop::openness(const Scene& scene) const {
    double most = 0;
    for (const Flow& flow : scene.flows) {
        const AppNeed& need = need_of(flow.app);
        most = std::max(most, settings_.open_weights[0] * need.continuity +
                                  settings_.open_weights[1] * (need.time_critical ? 1 : 0) + settings_.open_weights[2]);
    }
    return most;
}

Seconds ClosedLoop::wait_s(const Scene& scene) const {
    return settings_.flows_survive ? 0 : settings_.wait_max_s * policy_[kContinuity] * openness(scene);
}

std::uint64_t ClosedLoop::context_of(const Scene& scene) const {
    std::uint64_t links = 0;
    for (const Link& link : scene.links) {  // a sum, as their order says nothing
        links += mix(mix(0xcbf29ce484222325U, link.key.interface), link.key.bssid + (link.up ? 1 : 0));
    }
    std::uint64_t apps = 0;
    for (const Flow& flow : scene.flows) {
        apps += mix(0x9ddfea08eb382d69U, flow.app);
    }
    return mix(mix(mix(links, apps), scene.serving.interface), scene.serving.bssid);
}

/// Algorithm 1: nothing changed keeps the policy. Else η first, which sets the waiting time anew; then the first of
/// performance, energy, offloading that the user changed.
void ClosedLoop::follow_preference(const Scene& scene) {
    const std::uint64_t context = context_of(scene);
    if (context == context_ && !scored_) {
        return;
    }
    context_ = context;
    const Preference::Vector& wanted = preference_.vector();
    if (policy_[kContinuity] != wanted[kContinuity]) {
        policy_[kContinuity] = wanted[kContinuity];
        if (waiting_) {
            waiting_->until = std::min(waiting_->until, scene.now + wait_s(scene));
        }
    }
    scored_ = false;
    for (const std::size_t d : {kPerformance, kEnergy, kOffloading}) {
        if (policy_[d] != wanted[d]) {
            policy_[d] = wanted[d];
            scored_ = true;  // the others at the next look
            break;
        }
    }
}

void ClosedLoop::observe(const Scene& scene) {
    if (last_ && (scene.now < *last_ || scene.now - *last_ > settings_.jump_s)) {
        waiting_.reset();
    }
    last_ = scene.now;
    now_ = scene.now;
    for (const Link& link : scene.links) {
        if (link.rate_mbps) {
            Rate& rate = rates_.at(link.key, scene.now);
            if (scene.now - rate.at > settings_.rate_memory_s) {
                rate.mbps.reset();
            }
            rate.mbps.add(*link.rate_mbps, settings_.rate_gain);
            rate.at = scene.now;
        }
        Smoothed& signal = signals_.at(link.key, scene.now);
        if (link.rssi_dbm && link.up) {
            signal.add(*link.rssi_dbm, settings_.signal_gain);
        } else {
            signal.reset();
        }
    }
    preference_.fade(scene.now);
    follow_preference(scene);
    measure(scene);
}

void ClosedLoop::measure(const Scene& scene) {
    if (!consequence_ || consequence_->measured || scene.now - consequence_->at < settings_.consequence_s) {
        return;
    }
    const Link* serving = scene.alive();
    if (serving != nullptr && serving->key == consequence_->to) {
        const Worth now = worth(scene, *serving);
        consequence_->after = {now.performance, now.energy, now.offloading};
        consequence_->measured = true;
    }
}

Decision ClosedLoop::change(const Scene& scene, const Link& target, Reason reason) {
    waiting_.reset();
    const Link* serving = scene.alive();
    const Worth before = serving == nullptr ? Worth{} : worth(scene, *serving);
    const Worth after = worth(scene, target);
    consequence_ = Consequence{scene.serving,
                               target.key,
                               scene.now,
                               {before.performance, before.energy, before.offloading},
                               {after.performance, after.energy, after.offloading},
                               false};
    return go(scene, target.key, reason);
}

Decision ClosedLoop::wait_or_go(const Scene& scene, const Link& target) {
    if (!waiting_ || waiting_->target != target.key) {
        waiting_ = Waiting{target.key, scene.now + wait_s(scene), scene.now, openness(scene)};
    }
    waiting_->last_wanted = scene.now;
    if (scene.now >= waiting_->until || openness(scene) <= 0) {
        return change(scene, target, Reason::better);
    }
    return hold(scene, Reason::waiting);
}

Decision ClosedLoop::decide(const Scene& scene, Trigger /*trigger*/, const Deadline& /*deadline*/) {
    const Link* target = best(scene);
    const Link* serving = scene.alive();
    if (target == nullptr) {
        waiting_.reset();
        return hold(scene, Reason::no_candidate);
    }
    if (serving == nullptr) {
        return change(scene, *target, Reason::dead);
    }
    if (target == serving) {
        if (waiting_ && scene.now - waiting_->last_wanted >= settings_.cancel_s) {
            waiting_.reset();
        }
        return hold(scene);
    }
    if (!admissible(*serving, true)) {
        return change(scene, *target, Reason::weak);
    }
    const double gain = utility(worth(scene, *target)) - utility(worth(scene, *serving));
    if (gain < settings_.gain * (1 + policy_[kContinuity])) {
        if (waiting_ && scene.now - waiting_->last_wanted >= settings_.cancel_s) {
            waiting_.reset();
        }
        return hold(scene);
    }
    return same_domain_roam(*serving, *target) ? change(scene, *target, Reason::better) : wait_or_go(scene, *target);
}

void ClosedLoop::report(const Outcome& outcome) {
    if (consequence_ && consequence_->to == outcome.target) {
        if (outcome.done) {
            consequence_->at = outcome.at;
        } else {
            consequence_.reset();
        }
    }
}

void ClosedLoop::feedback(const Score& score, Seconds now) {
    preference_.score(score, now);
    scored_ = true;
}

std::vector<double> ClosedLoop::snapshot() const {
    return {preference_.vector().begin(), preference_.vector().end()};
}

bool ClosedLoop::restore(std::span<const double> learned) {
    if (learned.size() != Preference::kDimensions) {
        return false;
    }
    Preference::Vector vector{};
    std::copy(learned.begin(), learned.end(), vector.begin());
    if (!preference_.restore(vector)) {
        return false;
    }
    policy_ = vector;
    return true;
}

}  // namespace homeward::selection
