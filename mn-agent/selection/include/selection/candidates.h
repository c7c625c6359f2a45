#pragma once

#include "selection/observation.h"

namespace homeward::selection {

/// The best of the links that are up, by `worth`: Link → Known; links whose worth is unknown are no candidates. Null:
/// none. The first of equals, and the serving link before all of them.
template <typename Worth>
const Link* best_link(const Scene& scene, const Worth& worth) {
    const Link* best = nullptr;
    double highest = 0;
    const auto consider = [&](const Link& link) {
        const Known value = worth(link);
        if (value && (best == nullptr || *value > highest)) {
            best = &link;
            highest = *value;
        }
    };
    if (scene.alive() != nullptr) {
        consider(*scene.alive());
    }
    for (const Link& link : scene.links) {
        if (link.up) {
            consider(link);
        }
    }
    return best;
}

/// The up link with the strongest signal of those that `fits`. Links without a known signal come last.
template <typename Fits>
const Link* strongest_link(const Scene& scene, const Fits& fits) {
    return best_link(scene,
                     [&](const Link& link) { return fits(link) ? Known{link.rssi_dbm.value_or(-999)} : Known{}; });
}

inline bool is_cellular(Technology technology) {
    return technology == Technology::umts || technology == Technology::lte || technology == Technology::nr;
}

/// Any link will do: for engines whose own links are all gone.
inline const Link* any_link(const Scene& scene) {
    return strongest_link(scene, [](const Link&) { return true; });
}

}  // namespace homeward::selection
