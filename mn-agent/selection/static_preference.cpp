#include "selection/static_preference.h"

#include <algorithm>

#include "selection/candidates.h"

namespace homeward::selection {

double StaticPreference::rank(InterfaceId interface) const {
    const auto* place = std::find(settings_.order.begin(), settings_.order.end(), interface);
    return static_cast<double>(place - settings_.order.begin());
}

Decision StaticPreference::decide(const Scene& scene, Trigger /*trigger*/, const Deadline& /*deadline*/) {
    const Link* best = best_link(scene, [&](const Link& link) { return Known{-rank(link.key.interface)}; });
    if (best == nullptr) {
        return hold(scene, Reason::no_candidate);
    }
    const Link* serving = scene.alive();
    if (serving != nullptr && rank(serving->key.interface) <= rank(best->key.interface)) {
        return hold(scene);
    }
    const Link* target =
        strongest_link(scene, [&](const Link& link) { return link.key.interface == best->key.interface; });
    return go(scene, target->key, serving == nullptr ? Reason::dead : Reason::preferred);
}

}  // namespace homeward::selection
