#include "selection/surroundings.h"

#include <algorithm>
#include <cmath>

namespace homeward::selection {
namespace {

constexpr Known Link::*kFieldsOfLink[] = {&Link::rssi_dbm,  &Link::snr_db,      &Link::rtt_ms,       &Link::loss,
                                          &Link::rate_mbps, &Link::cost_per_mb, &Link::quota_left_mb};

bool sound(const Position& position) {
    return std::isfinite(position.latitude) && std::isfinite(position.longitude) &&
           std::isfinite(position.accuracy_m) && std::abs(position.latitude) <= 90 && position.accuracy_m >= 0;
}

bool sound(const Flow& flow) {
    return std::isfinite(flow.demand_mbps) && flow.demand_mbps > 0 && std::isfinite(flow.on_s) && flow.on_s > 0 &&
           std::isfinite(flow.off_s) && flow.off_s > 0 && flow.continuity >= 0 && flow.continuity <= 1;
}

}  // namespace

Surroundings::Remembered& Surroundings::place_of(LinkKey key, Seconds at) {
    auto* found =
        std::find_if(links_.begin(), links_.end(), [&](const Remembered& each) { return each.link.key == key; });
    if (found != links_.end()) {
        return *found;
    }
    if (links_.full()) {  // the one not seen for the longest makes room
        found = std::min_element(links_.begin(), links_.end(),
                                 [](const Remembered& a, const Remembered& b) { return a.seen < b.seen; });
        *found = Remembered{};
    } else {
        links_.push_back({});
        found = &links_.back();
    }
    found->link.key = key;
    found->seen = at;
    return *found;
}

void Surroundings::take_link(const Link& link, Seconds at) {
    if (!link.key.named()) {
        return;
    }
    Remembered& place = place_of(link.key, at);
    place.seen = at;
    place.link.technology = link.technology;
    place.link.domain = link.domain;
    place.link.up = link.up;
    for (std::size_t i = 0; i < kFields; ++i) {
        const Known& value = link.*kFieldsOfLink[i];
        if (value && std::isfinite(*value)) {
            place.link.*kFieldsOfLink[i] = value;
            place.field_seen[i] = at;
        }
    }
}

void Surroundings::take(const Observation& seen) {
    if (!std::isfinite(seen.at) || seen.at < last_) {
        return;
    }
    last_ = seen.at;
    for (const Link& link : seen.links) {
        take_link(link, seen.at);
    }
    if (seen.has_flows) {
        scene_.flows.clear();
        for (const Flow& flow : seen.flows) {
            if (sound(flow)) {
                scene_.flows.push_back(flow);
            }
        }
    }
    if (seen.device) {
        scene_.device = *seen.device;
    }
    if (seen.position && sound(*seen.position)) {
        scene_.position = seen.position;
        scene_.position->at = seen.at;
    }
    scene_.serving = seen.serving;
}

const Scene& Surroundings::at(Seconds now) {
    const Seconds oldest = now - settings_.period_s * settings_.stale_periods;
    scene_.now = now;
    scene_.links.clear();
    for (const Remembered& each : links_) {
        if (each.seen < oldest) {
            continue;
        }
        scene_.links.push_back(each.link);
        for (std::size_t i = 0; i < kFields; ++i) {
            if (each.field_seen[i] < oldest) {
                (scene_.links.back().*kFieldsOfLink[i]).reset();
            }
        }
    }
    if (scene_.position && now - scene_.position->at > settings_.position_age_s) {
        scene_.position.reset();
    }
    return scene_;
}

}  // namespace homeward::selection
