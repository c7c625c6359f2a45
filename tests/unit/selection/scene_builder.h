#pragma once

#include <memory>

#include "selection/random.h"
#include "selection/selector.h"

namespace homeward::selection {

/// A link as rows name it: interface, access point, signal.
inline Link wlan(InterfaceId interface, Bssid bssid, Known rssi_dbm, bool up = true) {
    Link link;
    link.key = {interface, bssid};
    link.technology = Technology::wlan;
    link.rssi_dbm = rssi_dbm;
    link.up = up;
    return link;
}

inline Link cellular(InterfaceId interface, Known rssi_dbm, Technology technology = Technology::umts) {
    Link link;
    link.key = {interface, 0};
    link.technology = technology;
    link.rssi_dbm = rssi_dbm;
    link.up = true;
    return link;
}

inline Flow flow(std::uint32_t id, double mbps, InterfaceId interface = kNoInterface) {
    Flow result;
    result.id = id;
    result.demand_mbps = mbps;
    result.on_s = 10;
    result.off_s = 20;
    result.interface = interface;
    return result;
}

inline Scene scene_of(std::initializer_list<Link> links, LinkKey serving = {}, Seconds now = 0) {
    Scene scene;
    scene.now = now;
    for (const Link& link : links) {
        scene.links.push_back(link);
    }
    scene.serving = serving;
    return scene;
}

inline Observation seen(Seconds at, std::initializer_list<Link> links, LinkKey serving = {}) {
    Observation result;
    result.at = at;
    for (const Link& link : links) {
        result.links.push_back(link);
    }
    result.serving = serving;
    return result;
}

/// Random conditions with everything that can be missing missing at times.
class RandomScenes {
  public:
    /// With up to `most_flows` flows at a time.
    explicit RandomScenes(std::uint64_t seed, std::uint32_t most_flows = 9) : random_(seed), most_flows_(most_flows) {}

    Observation next(Seconds at, LinkKey serving) {
        Observation result;
        result.at = at;
        result.serving = serving;
        for (InterfaceId interface = 1; interface <= 4; ++interface) {
            const bool wireless = interface <= 2;
            const std::uint32_t points = wireless ? random_.below(4) : 1;
            for (std::uint32_t i = 0; i < points; ++i) {
                result.links.push_back(link(interface, wireless ? 1 + random_.below(5) : 0));
            }
        }
        result.has_flows = random_.chance(0.7);
        for (std::uint32_t id = random_.below(3); id < most_flows_; id += 1 + random_.below(3)) {
            result.flows.push_back(flow(id, random_.uniform(0.1, 3), static_cast<InterfaceId>(random_.below(5))));
        }
        if (random_.chance(0.7)) {
            result.position = Position{45 + random_.normal() * 1e-3, 7 + random_.normal() * 1e-3,
                                       random_.uniform(1, 60), std::nullopt, at};
        }
        if (random_.chance(0.5)) {
            result.device = Device{random_.uniform(), random_.chance(0.5), random_.chance(0.5)};
        }
        return result;
    }

    Random& random() { return random_; }

  private:
    Known maybe(double from, double to) {
        return random_.chance(0.8) ? Known{random_.uniform(from, to)} : std::nullopt;
    }
    Link link(InterfaceId interface, Bssid bssid) {
        static constexpr Technology kTechnologies[] = {Technology::wlan, Technology::wlan, Technology::umts,
                                                       Technology::lte};
        Link link;
        link.key = {interface, bssid};
        link.technology = kTechnologies[interface - 1];
        link.domain = random_.below(3);
        link.up = random_.chance(0.8);
        link.rssi_dbm = maybe(-110, -30);
        link.snr_db = maybe(-5, 60);
        link.rtt_ms = maybe(1, 400);
        link.loss = maybe(0, 1);
        link.rate_mbps = maybe(0, 50);
        link.cost_per_mb = maybe(0, 1);
        link.quota_left_mb = maybe(0, 10);
        return link;
    }

    Random random_;
    std::uint32_t most_flows_;
};

}  // namespace homeward::selection
