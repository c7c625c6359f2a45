#include <algorithm>
#include <numeric>

#include "selection/decision.h"
#include "selection/observation.h"

namespace homeward::selection {

const Link* Scene::find(LinkKey key) const {
    const auto* found = std::find_if(links.begin(), links.end(), [&](const Link& each) { return each.key == key; });
    return found == links.end() ? nullptr : found;
}

const Link* Scene::alive() const {
    const Link* link = serving.named() ? find(serving) : nullptr;
    return link != nullptr && link->up ? link : nullptr;
}

bool Scene::up(InterfaceId interface) const {
    return std::any_of(links.begin(), links.end(),
                       [&](const Link& each) { return each.up && each.key.interface == interface; });
}

double Scene::demand_mbps() const {
    return std::accumulate(flows.begin(), flows.end(), 0.0,
                           [](double sum, const Flow& each) { return sum + each.demand_mbps; });
}

std::string_view name(Reason reason) noexcept {
    static constexpr std::string_view kNames[] = {"hold",      "no-candidate", "better", "weak",    "dead",
                                                  "predicted", "preferred",    "user",   "waiting", "front",
                                                  "coasting",  "deadline",     "dwell",  "pending", "rescue"};
    return kNames[static_cast<std::size_t>(reason)];
}

Decision hold(const Scene& scene, Reason reason) {
    Decision decision;
    decision.serving = scene.serving;
    decision.not_before = decision.not_after = scene.now;
    decision.reason = reason;
    return decision;
}

Decision go(const Scene& scene, LinkKey target, Reason reason, double confidence) {
    Decision decision = hold(scene, target == scene.serving ? Reason::hold : reason);
    decision.serving = target;
    decision.change = target != scene.serving;
    decision.not_after = scene.now + decision.valid_for;
    decision.confidence = confidence;
    return decision;
}

}  // namespace homeward::selection
