#include "selection/heuristic.h"

#include <algorithm>

#include "selection/candidates.h"

namespace homeward::selection {

Known Heuristic::quality(const Link& link) const {
    if (!link.rssi_dbm) {
        return std::nullopt;
    }
    const bool cellular = is_cellular(link.technology);
    const double floor = cellular ? settings_.cellular_floor_dbm : settings_.wlan_floor_dbm;
    const double ceiling = cellular ? settings_.cellular_ceiling_dbm : settings_.wlan_ceiling_dbm;
    const double plain = std::clamp((*link.rssi_dbm - floor) / (ceiling - floor), 0.0, 1.0);
    const bool lean = !cellular && volume_.started() && volume_.value() > settings_.volume_mbps;
    return plain + (lean ? settings_.leaning : 0);
}

Decision Heuristic::decide(const Scene& scene, Trigger /*trigger*/, const Deadline& /*deadline*/) {
    const Link* serving = scene.alive();
    if (serving != nullptr && scene.now < next_) {
        return hold(scene);
    }
    next_ = scene.now + settings_.period_s;
    const Link* best = best_link(scene, [&](const Link& link) { return quality(link); });
    if (best == nullptr && serving == nullptr) {
        best = any_link(scene);
    }
    if (best == nullptr) {
        return hold(scene, serving == nullptr ? Reason::no_candidate : Reason::hold);
    }
    return go(scene, best->key, serving == nullptr ? Reason::dead : Reason::better);
}

}  // namespace homeward::selection
