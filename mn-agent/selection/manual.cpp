#include "selection/manual.h"

#include <algorithm>

#include "selection/candidates.h"

namespace homeward::selection {

bool Manual::knows(const Link& link) const {
    const auto& known = settings_.known_domains;
    return known.empty() || std::find(known.begin(), known.end(), link.domain) != known.end();
}

Decision Manual::decide(const Scene& scene, Trigger /*trigger*/, const Deadline& /*deadline*/) {
    const auto wlan_known = [&](const Link& link) { return link.technology == Technology::wlan && knows(link); };
    const Link* wlan = strongest_link(scene, wlan_known);
    if (!next_) {
        next_ = scene.now + random_.exponential(settings_.toggle_s);
    } else if (scene.now >= *next_) {
        next_ = scene.now + random_.exponential(settings_.toggle_s);
        wlan_ = wlan != nullptr;
    }
    if (settings_.off_when_lost && wlan == nullptr) {
        wlan_ = false;
    }
    const Link* serving = scene.alive();
    const Link* other = strongest_link(scene, [](const Link& link) { return link.technology != Technology::wlan; });
    const Link* target = wlan_ && wlan != nullptr ? wlan : other;
    if (serving != nullptr && wlan_ && wlan_known(*serving)) {
        return hold(scene);  // nobody looks for a stronger access point by hand
    }
    if (target == nullptr) {
        target = any_link(scene);
    }
    return target == nullptr ? hold(scene, Reason::no_candidate)
                             : go(scene, target->key, serving == nullptr ? Reason::dead : Reason::user);
}

}  // namespace homeward::selection
