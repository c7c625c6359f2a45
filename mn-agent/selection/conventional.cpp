#include "selection/conventional.h"

#include "selection/candidates.h"

namespace homeward::selection {

Decision Conventional::decide(const Scene& scene, Trigger /*trigger*/, const Deadline& /*deadline*/) {
    const Link* serving = scene.alive();
    if (serving != nullptr && serving->rssi_dbm.value_or(0) >= settings_.leave_dbm) {
        return hold(scene);
    }
    Bounded<const Link*, kMaxLinks> around;
    for (const Link& link : scene.links) {
        if (link.up && &link != serving && link.rssi_dbm.value_or(-999) >= settings_.join_dbm) {
            around.push_back(&link);
        }
    }
    Decision decision;
    if (around.empty()) {
        const Link* any = serving != nullptr ? serving : any_link(scene);
        decision = any == nullptr ? hold(scene, Reason::no_candidate) : go(scene, any->key, Reason::dead);
    } else {
        const Link* target = around[random_.below(static_cast<std::uint32_t>(around.size()))];
        decision = go(scene, target->key, serving == nullptr ? Reason::dead : Reason::weak);
    }
    decision.mode = Mode::break_before_make;
    return decision;
}

}  // namespace homeward::selection
