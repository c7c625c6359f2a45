#include "replay/trace_run.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "selection/radio.h"

namespace homeward::replay {
namespace {

using selection::InterfaceId;
using selection::Link;

constexpr double kPingPong_s = 10;
constexpr double kEverything = std::numeric_limits<double>::infinity();
/// Of a link whose rate nobody told and whose signal is unknown: wired, WLAN, UMTS, LTE, NR.
constexpr double kUsualMbps[] = {100, 5, 1, 10, 50};

double quantile(std::vector<double> values, double part) {
    if (values.empty()) {
        return 0;
    }
    const auto at = static_cast<std::ptrdiff_t>(part * static_cast<double>(values.size() - 1));
    std::nth_element(values.begin(), values.begin() + at, values.end());
    return values[static_cast<std::size_t>(at)];
}

/// At most a Tbit/s: sums stay numbers, whatever a trace says.
double rate_of(const Link& link) {
    const double usual = kUsualMbps[static_cast<std::size_t>(link.technology)];
    return std::min(selection::capacity_mbps(link, {}, 1).value_or(usual), 1e6);
}

}  // namespace

TraceRun::TraceRun(selection::Selector& selector, Interfaces interfaces, Clock clock)
    : selector_(selector), interfaces_(std::move(interfaces)), clock_(clock) {}

selection::Decision TraceRun::decide() {
    const std::uint64_t from = clock_ != nullptr ? clock_() : 0;
    selector_.observe(seen_);
    const selection::Decision decision =
        selector_.decide(seen_.at, seen_.position ? selection::Trigger::fix : selection::Trigger::tick);
    if (clock_ != nullptr) {
        decision_us_.push_back(static_cast<double>(clock_() - from));
    }
    return decision;
}

void TraceRun::execute(const selection::Decision& decision) {
    if (!decision.change && decision.moves.empty()) {
        return;
    }
    changes_.push_back({seen_.at, serving_, decision.serving, decision.reason, decision.confidence, decision.moves});
    for (const selection::FlowMove& move : decision.moves) {
        flow_interface_[move.flow] = move.to;
        ++metrics_.flow_moves;
    }
    if (!decision.change) {
        return;
    }
    if (serving_.named()) {
        ++metrics_.handovers;
        metrics_.ping_pongs += decision.serving == before_ && seen_.at - changed_s_ <= kPingPong_s ? 1U : 0U;
    }
    before_ = std::exchange(serving_, decision.serving);
    changed_s_ = seen_.at;
    selector_.report({seen_.at, serving_, true});
}

/// The link that carries what is on the interface: the serving one, else the first that is there.
const Link* TraceRun::carrier(InterfaceId interface) const {
    const Link* found = nullptr;
    for (const Link& link : seen_.links) {
        if (link.up && link.key.interface == interface && (found == nullptr || link.key == serving_)) {
            found = &link;
        }
    }
    return found != nullptr && interface == serving_.interface && found->key != serving_ ? nullptr : found;
}

double TraceRun::carry(InterfaceId interface, double wanted_mbps, double span_s) {
    const Link* link = carrier(interface);
    if (link == nullptr || wanted_mbps <= 0) {
        return 0;
    }
    const double mbps = std::min(wanted_mbps, rate_of(*link));
    const double mb = mbps * span_s / 8;
    metrics_.carried_mb += mb;
    metrics_.cost += mb * link->cost_per_mb.value_or(0);
    wlan_mb_ += link->technology == selection::Technology::wlan ? mb : 0;
    if (mbps > 0) {
        const double from = seen_.at - start_s_;
        radios_.try_emplace(interface, selection::usual_profile(link->technology))
            .first->second.busy(from, from + span_s, mbps);
    }
    return mbps;
}

void TraceRun::note_silence(double carried_mbps, double span_s) {
    if (carried_mbps > 0) {
        silent_s_ = 0;
        return;
    }
    metrics_.interruptions += silent_s_ == 0 ? 1U : 0U;
    silent_s_ += span_s;
    metrics_.interrupted_s += span_s;
    metrics_.longest_s = std::max(metrics_.longest_s, silent_s_);
}

void TraceRun::account(const trace::Moment& moment, double span_s) {
    for (const trace::Link& link : moment.links) {  // a radio that carries nothing idles
        radios_.try_emplace(interfaces_.number(link.interface),
                            selection::usual_profile(technology_of(link.technology)));
    }
    std::map<InterfaceId, double> wanted;
    double demand = 0;
    if (!seen_.has_flows) {
        wanted[serving_.interface] = demand = kEverything;
    }
    for (const selection::Flow& flow : seen_.flows) {
        const auto placed = flow_interface_.find(flow.id);
        const InterfaceId interface = placed == flow_interface_.end() ? serving_.interface : placed->second;
        wanted[interface] += flow.demand_mbps;
        demand += flow.demand_mbps;
    }
    double carried = 0;
    for (const auto& [interface, mbps] : wanted) {
        carried += carry(interface, mbps, span_s);
    }
    if (demand > 0) {
        mbps_.push_back(carried);
        note_silence(carried, span_s);
    }
}

void TraceRun::finish() {
    metrics_.goodput_mbps = metrics_.duration_s > 0 ? metrics_.carried_mb * 8 / metrics_.duration_s : 0;
    metrics_.p5_mbps = quantile(mbps_, 0.05);
    metrics_.p50_mbps = quantile(mbps_, 0.5);
    metrics_.offloaded = metrics_.carried_mb > 0 ? wlan_mb_ / metrics_.carried_mb : 0;
    for (const auto& [interface, meter] : radios_) {
        metrics_.energy_j += meter.joules(metrics_.duration_s);
    }
    metrics_.decision_p50_us = quantile(decision_us_, 0.5);
    metrics_.decision_p99_us = quantile(decision_us_, 0.99);
    metrics_.decision_max_us = quantile(decision_us_, 1);
}

void TraceRun::run(const trace::Trace& trace, const std::vector<trace::Flow>& flows) {
    const std::size_t moments = trace.moments.size();
    start_s_ = trace.moments.front().t_s;
    const double length = trace.moments.back().t_s - start_s_;
    const double period = moments > 1 ? length / static_cast<double>(moments - 1) : 1;
    for (std::size_t i = 0; i < moments; ++i) {
        const trace::Moment& moment = trace.moments[i];
        observe(moment, interfaces_, seen_);
        if (!flows.empty()) {
            observe(flows, moment.t_s, seen_);
            for (selection::Flow& flow : seen_.flows) {
                const auto placed = flow_interface_.find(flow.id);
                flow.interface = placed == flow_interface_.end() ? serving_.interface : placed->second;
            }
        }
        seen_.serving = serving_;
        execute(decide());
        const double span = i + 1 < moments ? trace.moments[i + 1].t_s - moment.t_s : period;
        metrics_.duration_s += span;
        account(moment, span);
    }
    finish();
}

}  // namespace homeward::replay
