#include <algorithm>

#include "papers.h"
#include "processor_time.h"
#include "selection/catalogue.h"
#include "selection/selector.h"
#include "walk.h"

namespace homeward::papers {
namespace {

using namespace homeward::selection;
using nlohmann::json;

constexpr std::uint64_t kBudgetUs = 1000;

/// A busy moment: eight access points, two cellular links and a wire; twelve flows; a fix.
Observation busy(Random& random, Seconds now, LinkKey serving) {
    Observation seen;
    seen.at = now;
    seen.serving = serving;
    for (Bssid bssid = 1; bssid <= 8; ++bssid) {
        Link link;
        link.key = {kWlan, bssid};
        link.up = random.chance(0.95);
        link.rssi_dbm = random.uniform(-88, -45);
        seen.links.push_back(link);
    }
    for (InterfaceId interface = 2; interface <= 4; ++interface) {
        Link link;
        link.key = {interface, 0};
        link.technology = interface == 2 ? Technology::umts : interface == 3 ? Technology::lte : Technology::ethernet;
        link.up = random.chance(0.95);
        link.rssi_dbm = random.uniform(-100, -60);
        link.rate_mbps = random.uniform(0.5, 5);
        seen.links.push_back(link);
    }
    seen.has_flows = true;
    for (std::uint32_t id = 1; id <= 12; ++id) {
        Flow flow;
        flow.id = id;
        flow.demand_mbps = random.uniform(0.1, 2);
        flow.on_s = random.uniform(1, 100);
        flow.off_s = random.uniform(1, 100);
        flow.interface = static_cast<InterfaceId>(1 + random.below(4));
        seen.flows.push_back(flow);
    }
    seen.position = Plane{site().latitude, site().longitude}.position({random.uniform(0, 220), 5});
    seen.position->accuracy_m = 5;
    return seen;
}

}  // namespace

json decision_times(int decisions) {
    EngineSettings settings;
    settings.pmp.site = settings.hybrid.site = site();
    settings.pmp.learn_online = true;
    json result;
    for (const std::string_view name : engine_names()) {
        Selector selector{make_engine(name, settings, 1), {}};
        Random random{8};
        json times = json::array();
        LinkKey serving{kWlan, 1};
        for (int i = 0; i < decisions; ++i) {
            const Seconds now = i * 5.0;
            const Observation seen = busy(random, now, serving);
            const double from = processor_us();
            selector.observe(seen);
            const Decision decision = selector.decide(
                now, Trigger::fix, Deadline{processor_clock, nullptr, processor_clock(nullptr) + kBudgetUs * 3 / 4});
            times.push_back(processor_us() - from);
            selector.report({now, decision.serving, true});
            serving = decision.serving;
        }
        result[std::string(name)] = times;
    }
    return result;
}

}  // namespace homeward::papers
