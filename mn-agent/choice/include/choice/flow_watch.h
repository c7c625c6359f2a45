#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "choice/plan.h"
#include "selection/observation.h"

namespace homeward::choice {

/// What a flow carried both ways since it was first counted.
struct FlowCount {
    FlowEnd end;
    std::uint64_t bytes = 0;
};

/// A flow that was measured for long enough to be known.
struct WatchedFlow {
    std::uint32_t id = 0;
    FlowEnd end;
    double demand_mbps = 0;  ///< the most that it carried over a window of the settings' memory
    double on_s = 0;         ///< mean stretch of windows in which it carried something, and
    double off_s = 0;        ///< in which it carried nothing; gaps shorter than a window are taken for half of one
    bool open = false;       ///< carried something in the last window
};

/// Makes flows with a demand out of byte counters that are read now and then.
///
/// A flow shows how much it asks for only while its uplink has room; in one that is too small it carries what fits. So
/// its demand is the most that it carried in a recent window, and outlives the uplink that became too small by half of
/// the settings' memory or more. Before its first whole window a flow's demand is not known, and the flow not listed.
///
/// Pure: no clock, no I/O. Allocates in its constructor only.
class FlowWatch {
  public:
    struct Settings {
        double least_mbps = 0.05;  ///< a flow that asks for less is left to the default
        selection::Seconds memory_s = 30;
        selection::Seconds window_s = 1;
        std::size_t most = selection::kMaxFlows;  ///< 1 … kMaxFlows, the heaviest
    };

    explicit FlowWatch(const Settings& settings);

    /// All counters as they stand at `now`; sorts them. One that is lower than before began anew. Beyond kTracked flows
    /// what is new is not seen.
    void sample(selection::Seconds now, std::span<FlowCount> counts);
    /// Chooses the heaviest of the flows that `eligible(flow)` says true of; a flow that was chosen before stays until
    /// another asks for half as much again. It is asked about every flow that is known.
    template <class Eligible>
    std::span<const WatchedFlow> heaviest(Eligible eligible);
    /// Of the last sample: flows that carried nothing for so long that their counters may go.
    std::span<const FlowEnd> gone() const { return gone_; }

    static constexpr std::size_t kTracked = 2048;

  private:
    struct Tracked {
        WatchedFlow flow;
        std::uint64_t bytes = 0;       ///< the counter when the window began
        std::uint64_t last = 0;        ///< and when it was read last
        std::array<double, 2> best{};  ///< demand in this half of the memory and the one before
        selection::Seconds window = 0, half = 0, active = 0;
        double on_sum = 0, off_sum = 0;
        std::uint32_t ons = 0, offs = 0;
        bool known = false, chosen = false;
    };

    Tracked begin(const FlowCount& count, selection::Seconds now);
    void update(Tracked& tracked, std::uint64_t bytes, selection::Seconds now) const;
    void close_window(Tracked& tracked, selection::Seconds now) const;
    double weight(const Tracked& tracked) const { return tracked.flow.demand_mbps * (tracked.chosen ? 1.5 : 1); }
    std::span<const WatchedFlow> choose();

    Settings settings_;
    std::uint32_t ids_ = 0;
    std::vector<Tracked> tracked_, next_;  ///< in order of their ends
    std::vector<FlowEnd> gone_;
    std::vector<std::uint32_t> eligible_;  ///< places in tracked_
    std::vector<WatchedFlow> chosen_;
};

template <class Eligible>
std::span<const WatchedFlow> FlowWatch::heaviest(Eligible eligible) {
    eligible_.clear();
    for (std::uint32_t i = 0; i < tracked_.size(); ++i) {
        const Tracked& tracked = tracked_[i];
        const bool may = tracked.known && eligible(tracked.flow);
        if (may && tracked.flow.demand_mbps >= settings_.least_mbps) {
            eligible_.push_back(i);
        }
    }
    return choose();
}

}  // namespace homeward::choice
