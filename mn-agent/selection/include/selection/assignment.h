#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "selection/bounded.h"
#include "selection/decision.h"
#include "selection/radio_profile.h"

namespace homeward::selection {

inline constexpr std::size_t kMaxInterfaces = 16;
/// In an assignment: no interface carries the flow.
inline constexpr std::uint8_t kParked = 0xff;

/// A flow as an assignment sees it: busy for on_s on average, then silent for off_s; both exponential.
struct FlowDemand {
    double mbps = 0;
    double on_s = 1;
    double off_s = 1;
    /// Number of the interface that carries it; kParked: none yet.
    std::uint8_t previous = kParked;
};

struct InterfaceOffer {
    double mbps = 0;
    RadioProfile radio;
    bool available = true;
    /// The agent may switch the radio off when nothing uses it.
    bool may_switch_off = false;
};

/// Which flow goes over which interface. Interfaces are numbered by their place here.
struct AssignmentProblem {
    Bounded<FlowDemand, kMaxFlows> flows;
    Bounded<InterfaceOffer, kMaxInterfaces> interfaces;

    /// Demands, times and bandwidths are finite and above zero.
    bool valid() const;
    double demand_mbps() const;
};

/// For every flow the number of an interface, or kParked.
using Assignment = std::array<std::uint8_t, kMaxFlows>;

/// Objectives in whole nanowatts and 1e-9 Mbps: sums are exact, so equal assignments cost the same in any order.
struct Cost {
    std::int64_t power = 0;
    std::int64_t shortfall = 0;
    std::uint32_t moves = 0;
    bool operator==(const Cost&) const = default;

    bool no_worse(const Cost& other) const {
        return power <= other.power && shortfall <= other.shortfall && moves <= other.moves;
    }
    Cost operator+(const Cost& other) const {
        return {power + other.power, shortfall + other.shortfall, moves + other.moves};
    }
    bool dominates(const Cost& other) const { return no_worse(other) && !(*this == other); }
    Objectives objectives() const {
        return {static_cast<double>(power) * 1e-9, static_cast<double>(shortfall) * 1e-9, moves};
    }
};

/// What the flows on one interface add up to. Adding a flow is a handful of multiplications.
struct Load {
    double idle = 1;      // Π (1 − a): probability that all are silent
    double tail1 = 1;     // exp(−μ·T1)
    double tail2 = 1;     // exp(−μ·(T1 + T2))
    double arrivals = 0;  // μ = Σ 1/off
    double carried_mbps = 0;
    std::int64_t demand = 0;
    std::uint32_t flows = 0;

    /// Both together on the same interface.
    Load with(const Load& other) const {
        return {idle * other.idle,
                tail1 * other.tail1,
                tail2 * other.tail2,
                arrivals + other.arrivals,
                carried_mbps + other.carried_mbps,
                demand + other.demand,
                flows + other.flows};
    }
};

/// An assignment problem made ready: flows that cost the same share a class, and every factor is computed once.
/// Power of an interface by its flows is the closed form of the specification's energy model: independent flows, each
/// silent with probability off/(on + off).
class CostModel {
  public:
    struct Class {
        std::uint32_t flows = 0;
        std::uint8_t previous = kParked;
    };

    /// `by_previous`: flows on different interfaces are different classes, as where moves count. The problem is valid.
    void prepare(const AssignmentProblem& problem, bool by_previous);

    std::size_t flows() const { return flow_count_; }
    std::size_t interfaces() const { return interface_count_; }
    /// Numbers of the interfaces that are available.
    const Bounded<std::uint8_t, kMaxInterfaces>& available() const { return available_; }
    const Bounded<Class, kMaxFlows>& classes() const { return classes_; }
    std::uint8_t class_of(std::size_t flow) const { return class_of_[flow]; }
    std::uint8_t previous(std::size_t flow) const { return previous_[flow]; }
    std::int64_t demand(std::size_t flow) const { return demand_of_class_[class_of_[flow]]; }
    std::int64_t total_demand() const { return total_demand_; }

    /// Adds a flow of class `c` on interface `j`. Classes in ascending order give the same bits for the same flows.
    void add(Load& load, std::size_t c, std::size_t j) const;
    std::int64_t power(const Load& load, std::size_t j) const;
    /// Watts that no load with these flows in it takes less than: without wakes, and no state above the one before it.
    double least_power_w(const Load& load, std::size_t j) const;
    std::int64_t shortfall(const Load& load, std::size_t j) const;
    std::int64_t bandwidth(std::size_t j) const { return bandwidth_[j]; }
    const RadioProfile& radio(std::size_t j) const { return offers_[j].radio; }
    /// All three objectives. Parked flows fall short by all they ask for.
    Cost evaluate(const Assignment& assignment) const;
    /// Is the class in both models the same flow on the same interfaces?
    bool same_class(const CostModel& other, std::size_t c) const;
    bool same_interfaces(const CostModel& other) const;

  private:
    struct Factor {
        double tail1 = 1;
        double tail2 = 1;
    };
    struct ClassCost {
        double mbps = 0, on_s = 0, off_s = 0;
        double silent = 1, rate = 0, carried = 0;
        std::array<Factor, kMaxInterfaces> factor{};
    };

    std::uint8_t class_for(const FlowDemand& flow, bool by_previous);

    std::size_t flow_count_ = 0;
    std::size_t interface_count_ = 0;
    Bounded<std::uint8_t, kMaxInterfaces> available_;
    std::array<InterfaceOffer, kMaxInterfaces> offers_{};
    std::array<std::int64_t, kMaxInterfaces> bandwidth_{};
    Bounded<Class, kMaxFlows> classes_;
    std::array<ClassCost, kMaxFlows> costs_{};
    std::array<std::uint8_t, kMaxFlows> class_of_{};
    std::array<std::uint8_t, kMaxFlows> previous_{};
    std::array<std::uint8_t, kMaxFlows> order_{};  // flows by class
    std::array<std::int64_t, kMaxFlows> demand_of_class_{};
    std::int64_t total_demand_ = 0;
};

}  // namespace homeward::selection
