#pragma once

#include <array>
#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "bpf_steering/flow_counts.h"
#include "choice/chooser.h"
#include "choice/flow_watch.h"
#include "policy/table.h"

namespace homeward::mn {

/// The node's flows as an engine is shown them: which there are, what they ask for, and which uplink has them.
class CarriedFlows {
  public:
    /// What else is to be known to tell where a flow goes.
    struct Ways {
        const policy::Table& table;
        std::size_t written_rules = 0;  ///< rules behind them are the engine's
        std::function<bool(policy::Label)> usable;
    };

    /// Counts from now on, at the device of that index.
    static Result<std::unique_ptr<CarriedFlows>> open(int interface, const choice::FlowWatch::Settings& settings,
                                                      selection::FlowInterest interest);

    /// Reads the counters. Flows that a written rule decides about are not shown: no engine may move them.
    Status look(selection::Seconds now, const Ways& ways);
    /// False: the device lost the counters; open anew.
    bool counting() const { return counts_->attached(); }
    std::span<const choice::FlowSeen> seen() const { return {seen_.begin(), seen_.end()}; }
    /// What the flows that are not shown take of that uplink.
    double bound_mbps(policy::Label label) const { return bound_[label]; }

  private:
    CarriedFlows(std::unique_ptr<bpf::FlowCounts> counts, const choice::FlowWatch::Settings& settings,
                 selection::FlowInterest interest);
    bool movable(const choice::WatchedFlow& flow, const Ways& ways);
    void bind(const policy::Choice& choice, const Ways& ways, double mbps);

    std::unique_ptr<bpf::FlowCounts> counts_;
    choice::FlowWatch watch_;
    const bool all_;  ///< silent ones, too
    std::vector<choice::FlowCount> read_;
    selection::Bounded<choice::FlowSeen, selection::kMaxFlows> seen_;
    std::array<double, 256> bound_{};
};

}  // namespace homeward::mn
