#include "choice/chooser.h"

#include <algorithm>
#include <utility>

namespace homeward::choice {

using std::chrono::steady_clock;

std::uint64_t Chooser::monotonic_us(void* /*context*/) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now().time_since_epoch()).count());
}

Chooser::Chooser(std::unique_ptr<selection::Engine> engine, const Settings& settings, std::vector<Uplink> uplinks)
    : selector_(std::move(engine), settings.selector),
      deadline_(settings.deadline),
      clock_(settings.clock),
      uplinks_(std::move(uplinks)),
      bssids_(uplinks_.size()),
      usable_(uplinks_.size()) {}

std::size_t Chooser::slot_of(policy::Label label) const {
    const auto found =
        std::find_if(uplinks_.begin(), uplinks_.end(), [&](const Uplink& each) { return each.label == label; });
    return static_cast<std::size_t>(found - uplinks_.begin());
}

policy::Label Chooser::serving() const {
    for (const policy::Label label : order_of(written_, plan_.first)) {
        if (const std::size_t slot = slot_of(label); slot < uplinks_.size() && usable_[slot]) {
            return label;
        }
    }
    return 0;
}

void Chooser::add_link(std::size_t slot, const UplinkSeen& seen) {
    const Uplink& uplink = uplinks_[slot];
    selection::Link link;
    link.key = {static_cast<selection::InterfaceId>(slot + 1), seen.bssid};
    link.technology = uplink.technology;
    link.domain = uplink.domain;
    link.up = seen.usable && written_.contains(uplink.label);
    link.rssi_dbm = seen.rssi_dbm;
    link.snr_db = seen.snr_db;
    link.rtt_ms = seen.rtt_ms;
    link.loss = seen.loss;
    if (seen.rate_mbps) {
        link.rate_mbps = std::max(*seen.rate_mbps - seen.bound_mbps, 0.0);
    }
    link.cost_per_mb = uplink.cost_per_mb;
    if (uplink.quota_mb) {
        link.quota_left_mb = std::max(*uplink.quota_mb - seen.carried_mb, 0.0);
    }
    seen_.links.push_back(link);
    usable_[slot] = link.up;
    if (const selection::Bssid before = std::exchange(bssids_[slot], seen.bssid); before != seen.bssid) {
        selection::Link left;  // what an uplink roamed away from is no link of it any more
        left.key = {link.key.interface, before};
        left.technology = uplink.technology;
        seen_.links.push_back(left);
    }
}

void Chooser::observe(selection::Seconds now, std::span<const UplinkSeen> seen, std::span<const FlowSeen> flows,
                      const std::optional<selection::Position>& position,
                      const std::optional<selection::Device>& device) {
    seen_.at = now;
    seen_.links.clear();
    for (std::size_t slot = 0; slot < std::min(seen.size(), uplinks_.size()); ++slot) {
        add_link(slot, seen[slot]);
    }
    seen_.flows.clear();
    flows_.clear();
    seen_.has_flows = true;
    for (const FlowSeen& each : flows) {
        if (!flows_.push_back(each)) {
            break;
        }
        selection::Flow flow;
        flow.id = each.id;
        flow.app = each.end.port;
        flow.demand_mbps = each.demand_mbps;
        flow.on_s = each.on_s;
        flow.off_s = each.off_s;
        const std::size_t slot = slot_of(each.uplink);
        flow.interface =
            slot < uplinks_.size() ? static_cast<selection::InterfaceId>(slot + 1) : selection::kNoInterface;
        seen_.flows.push_back(flow);
    }
    seen_.position = position;
    seen_.device = device;
    const std::size_t carrying = slot_of(serving());
    seen_.serving = carrying < uplinks_.size()
                        ? selection::LinkKey{static_cast<selection::InterfaceId>(carrying + 1), bssids_[carrying]}
                        : selection::LinkKey{};
    selector_.observe(seen_);
}

bool Chooser::forget_gone_flows() {
    const std::size_t before = plan_.flows.size();
    for (std::size_t i = before; i-- > 0;) {
        const FlowEnd& end = plan_.flows[i].flow;
        if (std::none_of(flows_.begin(), flows_.end(), [&](const FlowSeen& each) { return each.end == end; })) {
            plan_.flows.erase(plan_.flows.begin() + i);
        }
    }
    return plan_.flows.size() != before;
}

bool Chooser::take_moves(const selection::Decision& decision) {
    bool changed = false;
    for (const selection::FlowMove& move : decision.moves) {
        const auto* flow =
            std::find_if(flows_.begin(), flows_.end(), [&](const FlowSeen& each) { return each.id == move.flow; });
        if (flow == flows_.end() || move.to == selection::kNoInterface || move.to > uplinks_.size()) {
            continue;  // a flow that no interface shall carry stays where it is: better slow than dropped
        }
        const FlowRule rule{flow->end, uplinks_[move.to - 1U].label};
        auto* place = std::find_if(plan_.flows.begin(), plan_.flows.end(),
                                   [&](const FlowRule& each) { return each.flow == rule.flow; });
        if (place != plan_.flows.end()) {
            changed = changed || place->uplink != rule.uplink;
            *place = rule;
        } else {
            changed = plan_.flows.push_back(rule) || changed;
        }
    }
    return changed;
}

bool Chooser::decide(selection::Seconds now, selection::Trigger trigger) {
    const auto start = steady_clock::now();
    const auto until = clock_(nullptr) + static_cast<std::uint64_t>(deadline_.count());
    const selection::Decision decision = selector_.decide(now, trigger, selection::Deadline{clock_, nullptr, until});
    const policy::Label before = serving();
    policy::Label first = before != 0 ? before : plan_.first;  // what had to stand in for a dead one stays
    if (decision.change && decision.serving.named() && decision.serving.interface <= uplinks_.size()) {
        first = uplinks_[decision.serving.interface - 1U].label;
        pending_ = decision.serving;
    }
    const bool gone = forget_gone_flows();
    const bool moved = take_moves(decision);
    const bool changed = std::exchange(plan_.first, first) != first || moved;
    last_reason_ = decision.reason;
    const auto took = steady_clock::now() - start;
    times_[decisions_++ % kTimes] = took;
    if (changed) {
        records_[changes_++ % kRecords] = {
            now, before, first, decision.reason, decision.confidence, static_cast<std::uint32_t>(decision.moves.size()),
            took};
    }
    return changed || gone;
}

void Chooser::executed(selection::Seconds now, bool done) {
    if (pending_.named()) {
        selector_.report({now, pending_, done});
        pending_ = {};
    }
}

std::vector<Record> Chooser::records() const {
    std::vector<Record> result;
    for (std::uint64_t i = changes_ > kRecords ? changes_ - kRecords : 0; i < changes_; ++i) {
        result.push_back(records_[i % kRecords]);
    }
    return result;
}

std::chrono::nanoseconds Chooser::time_at(double part) const {
    const auto count = static_cast<std::size_t>(std::min<std::uint64_t>(decisions_, kTimes));
    if (count == 0) {
        return {};
    }
    std::vector<std::chrono::nanoseconds> sorted(times_.begin(), times_.begin() + static_cast<std::ptrdiff_t>(count));
    std::sort(sorted.begin(), sorted.end());
    return sorted[static_cast<std::size_t>(part * static_cast<double>(count - 1))];
}

}  // namespace homeward::choice
