#pragma once

#include <map>
#include <string>
#include <vector>

#include "replay/scenery.h"
#include "selection/radio_profile.h"
#include "selection/selector.h"

namespace homeward::replay {

/// A change that the engine decided and that was carried out at once.
struct Change {
    double t_s = 0;
    selection::LinkKey from, to;
    selection::Reason reason{};
    double confidence = 1;
    selection::Bounded<selection::FlowMove, selection::kMaxFlows> moves;
};

/// What one engine made of one trace.
struct Metrics {
    double duration_s = 0;
    double goodput_mbps = 0, p5_mbps = 0, p50_mbps = 0;
    unsigned handovers = 0;   ///< changes of the serving link, the first one apart
    unsigned ping_pongs = 0;  ///< back to the link before within 10 s
    unsigned flow_moves = 0;
    unsigned interruptions = 0;  ///< stretches in which nothing was carried though something was wanted
    double interrupted_s = 0, longest_s = 0;
    double carried_mb = 0;
    double offloaded = 0;  ///< part of the bytes that went by WLAN
    double energy_j = 0;   ///< of all radios, by the usual profile of their technology
    double cost = 0;
    double decision_p50_us = 0, decision_p99_us = 0, decision_max_us = 0;
};

/// Replays a trace against a selector: observes every moment, decides, executes at once and accounts for what the
/// links would have carried. Without flows one transfer takes all that the serving link carries; with flows
/// each asks for its demand, on its own interface.
class TraceRun {
  public:
    /// Microseconds that never go back, for the time that decisions take; null: they are not timed.
    using Clock = std::uint64_t (*)();

    TraceRun(selection::Selector& selector, Interfaces interfaces, Clock clock);

    /// `flows` may be empty.
    void run(const trace::Trace& trace, const std::vector<trace::Flow>& flows);

    const Metrics& metrics() const { return metrics_; }
    const std::vector<Change>& changes() const { return changes_; }
    const Interfaces& interfaces() const { return interfaces_; }

  private:
    selection::Decision decide();
    void execute(const selection::Decision& decision);
    void account(const trace::Moment& moment, double span_s);
    double carry(selection::InterfaceId interface, double wanted_mbps, double span_s);
    const selection::Link* carrier(selection::InterfaceId interface) const;
    void note_silence(double carried_mbps, double span_s);
    void finish();

    selection::Selector& selector_;
    Interfaces interfaces_;
    Clock clock_;
    selection::Observation seen_;
    selection::LinkKey serving_, before_;
    double changed_s_ = 0;
    std::map<std::uint32_t, selection::InterfaceId> flow_interface_;
    std::map<selection::InterfaceId, selection::EnergyMeter> radios_;
    std::vector<double> mbps_, decision_us_;
    double silent_s_ = 0, wlan_mb_ = 0, start_s_ = 0;
    Metrics metrics_;
    std::vector<Change> changes_;
};

}  // namespace homeward::replay
