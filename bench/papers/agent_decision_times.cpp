#include <array>
#include <utility>
#include <vector>

#include "choice/chooser.h"
#include "papers.h"
#include "processor_time.h"
#include "selection/catalogue.h"
#include "walk.h"

namespace homeward::papers {
namespace {

using namespace homeward::selection;
using nlohmann::json;

constexpr std::array<Technology, policy::kMaxUplinks> kTechnologies{
    Technology::wlan, Technology::wlan, Technology::wlan, Technology::umts,
    Technology::lte,  Technology::lte,  Technology::nr,   Technology::ethernet};

/// As much as a node may have: eight uplinks, one of which is dead now and then, and 64 flows.
class BusyNode {
  public:
    BusyNode() {
        for (std::uint32_t i = 0; i < flows_.size(); ++i) {
            flows_[i].id = i + 1;
            flows_[i].end = {wire::Ipv4Address(0xc6336400 + i), 6, static_cast<std::uint16_t>(1 + i)};
        }
    }
    static std::vector<choice::Uplink> uplinks() {
        std::vector<choice::Uplink> result;
        for (policy::Label label = 1; label <= kTechnologies.size(); ++label) {
            result.push_back({label, kTechnologies[label - 1U], label, 0.01 * label, std::nullopt});
        }
        return result;
    }
    void change(const choice::Chooser& chooser, Seconds now) {
        for (std::size_t i = 0; i < seen_.size(); ++i) {
            choice::UplinkSeen& each = seen_[i];
            each.usable = random_.chance(0.95);
            each.bssid = kTechnologies[i] == Technology::wlan ? i + 1 : 0;
            each.rssi_dbm = random_.uniform(-95, -45);
            each.rate_mbps = random_.uniform(0.5, 20);
            each.rtt_ms = random_.uniform(5, 100);
        }
        for (choice::FlowSeen& flow : flows_) {
            flow.demand_mbps = random_.uniform(0.1, 2);
            flow.on_s = random_.uniform(1, 100);
            flow.off_s = random_.uniform(1, 100);
            flow.uplink = uplink_of(chooser, flow.end);
        }
        fix_ = Plane{site().latitude, site().longitude}.position({random_.uniform(0, 220), 5});
        fix_.accuracy_m = 5;
        fix_.at = now;
    }
    void show(choice::Chooser& chooser, Seconds now) const { chooser.observe(now, seen_, flows_, fix_, Device{}); }

  private:
    policy::Label uplink_of(const choice::Chooser& chooser, const choice::FlowEnd& end) const {
        for (const choice::FlowRule& rule : chooser.plan().flows) {
            if (rule.flow == end && seen_[rule.uplink - 1U].usable) {
                return rule.uplink;
            }
        }
        return chooser.serving();
    }

    Random random_{8};
    std::array<choice::UplinkSeen, kTechnologies.size()> seen_;
    std::array<choice::FlowSeen, kMaxFlows> flows_;
    Position fix_;
};

EngineSettings settings_of_all() {
    EngineSettings settings;
    settings.pmp.site = settings.hybrid.site = site();
    settings.pmp.learn_online = true;
    return settings;
}

json times_of(std::string_view engine, int decisions) {
    choice::Chooser::Settings settings;
    settings.clock = processor_clock;
    choice::Chooser chooser{make_engine(engine, settings_of_all(), 1), settings, BusyNode::uplinks()};
    policy::LabelList order;
    for (policy::Label label = 1; label <= kTechnologies.size(); ++label) {
        order.push_back(label);
    }
    chooser.set_order(order);
    BusyNode node;
    json times = json::array();
    for (int i = 0; i < decisions; ++i) {
        const Seconds now = i * 5.0;
        node.change(chooser, now);
        const double from = processor_us();
        node.show(chooser, now);
        const bool changed = chooser.decide(now, Trigger::fix);
        times.push_back(processor_us() - from);
        if (changed) {
            chooser.executed(now, true);
        }
    }
    return times;
}

}  // namespace

json agent_decision_times(int decisions) {
    json result;
    for (const std::string_view name : engine_names()) {
        result[std::string(name)] = times_of(name, decisions);
    }
    return result;
}

}  // namespace homeward::papers
