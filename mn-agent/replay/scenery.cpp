#include "replay/scenery.h"

#include <algorithm>

#include "selection/names.h"

namespace homeward::replay {

selection::InterfaceId Interfaces::number(std::string_view name) {
    auto found = std::find(names_.begin(), names_.end(), name);
    if (found == names_.end()) {
        if (names_.size() == 255) {
            return selection::kNoInterface;
        }
        names_.emplace_back(name);
        found = names_.end() - 1;
    }
    return static_cast<selection::InterfaceId>(found - names_.begin() + 1);
}

const std::string& Interfaces::name(selection::InterfaceId number) const {
    static const std::string kNone = "none";
    return number == selection::kNoInterface || number > names_.size() ? kNone : names_[number - 1U];
}

selection::Technology technology_of(trace::Technology technology) {
    switch (technology) {
        case trace::Technology::umts:
            return selection::Technology::umts;
        case trace::Technology::lte:
            return selection::Technology::lte;
        case trace::Technology::nr:
            return selection::Technology::nr;
        case trace::Technology::ethernet:
            return selection::Technology::ethernet;
        case trace::Technology::wlan:
        case trace::Technology::unknown:
            break;
    }
    return selection::Technology::wlan;
}

void observe(const trace::Moment& moment, Interfaces& interfaces, selection::Observation& seen) {
    seen.at = moment.t_s;
    seen.links.clear();
    for (const trace::Link& heard : moment.links) {
        selection::Link link;
        // An access point named otherwise than by its address is told apart all the same.
        link.key = {interfaces.number(heard.interface),
                    selection::bssid_of(heard.bssid).value_or(selection::domain_of(heard.bssid))};
        link.technology = technology_of(heard.technology);
        link.domain = heard.domain.empty() ? 0 : selection::domain_of(heard.domain);
        link.up = heard.event != "link_down";
        link.rssi_dbm = heard.rssi_dbm;
        link.snr_db = heard.snr_db;
        link.rtt_ms = heard.rtt_ms;
        link.loss = heard.loss;
        link.rate_mbps = heard.rate_mbps;
        link.cost_per_mb = heard.cost_per_mb;
        seen.links.push_back(link);
    }
    const trace::Device& device = moment.device;
    seen.device.reset();
    if (device.battery) {
        seen.device = selection::Device{*device.battery, false, true};
    }
    seen.position.reset();
    if (device.latitude && device.longitude) {
        seen.position = selection::Position{*device.latitude, *device.longitude, device.accuracy_m.value_or(0),
                                            device.speed_mps, moment.t_s};
    }
}

void observe(const std::vector<trace::Flow>& flows, double t_s, selection::Observation& seen) {
    seen.flows.clear();
    seen.has_flows = true;
    for (const trace::Flow& each : flows) {
        if (t_s < each.start_s || t_s >= each.end_s) {
            continue;
        }
        selection::Flow flow;
        flow.id = each.id;
        flow.app = each.app;
        flow.kind = each.real_time ? selection::FlowClass::real_time : selection::FlowClass::elastic;
        flow.demand_mbps = each.demand_mbps;
        flow.on_s = each.on_s;
        flow.off_s = each.off_s;
        flow.time_critical = each.time_critical;
        flow.continuity = each.continuity;
        seen.flows.push_back(flow);
    }
}

}  // namespace homeward::replay
