#include "selection/strongest_signal.h"

#include "selection/candidates.h"

namespace homeward::selection {

Decision StrongestSignal::decide(const Scene& scene, Trigger /*trigger*/, const Deadline& /*deadline*/) {
    const Link* best = any_link(scene);
    if (best == nullptr) {
        return hold(scene, Reason::no_candidate);
    }
    const Link* serving = scene.alive();
    if (serving == nullptr) {
        return go(scene, best->key, Reason::dead);
    }
    const bool known = serving->rssi_dbm && best->rssi_dbm;
    return known && *best->rssi_dbm > *serving->rssi_dbm + settings_.hysteresis_db
               ? go(scene, best->key, Reason::better)
               : hold(scene);
}

}  // namespace homeward::selection
