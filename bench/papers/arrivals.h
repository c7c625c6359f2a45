#pragma once

#include <cstdint>

#include "selection/assignment.h"
#include "selection/random.h"

namespace homeward::papers {

using selection::AssignmentProblem;
using selection::FlowDemand;
using selection::InterfaceOffer;
using selection::kParked;
using selection::kUmtsAria;
using selection::kWlanAria;
using selection::Random;

/// Flows and interfaces as the paper has them: 0.6 of the flows browse, 0.4 are videos; half the interfaces are 3G,
/// half WLAN. Rates and times the paper leaves open are ours.
class Arrivals {
  public:
    explicit Arrivals(std::uint64_t seed, double reading_s = 412) : random_(seed), reading_s_(reading_s) {}

    FlowDemand flow() {
        if (random_.chance(0.4)) {
            return {random_.uniform(0.5, 2), 120, 60, kParked};
        }
        const double mbps = random_.uniform(0.2, 0.6);
        // A packet call: 25 packets, 4/R seconds apart at R kbit/s.
        return {mbps, 25 * 4 / (mbps * 1000), reading_s_, kParked};
    }
    /// How long it stays: a session of five packet calls, or a video.
    double lifetime(const FlowDemand& flow) { return flow.on_s > 100 ? random_.exponential(300) : 5 * reading_s_; }

    InterfaceOffer offer(std::size_t number) {
        const bool wireless = number % 2 == 1;
        return {wireless ? random_.uniform(1, 5) : random_.uniform(0.5, 2), wireless ? kWlanAria : kUmtsAria, true,
                false};
    }
    AssignmentProblem problem(std::size_t flows, std::size_t interfaces) {
        AssignmentProblem problem;
        for (std::size_t j = 0; j < interfaces; ++j) {
            problem.interfaces.push_back(offer(j));
        }
        for (std::size_t i = 0; i < flows; ++i) {
            problem.flows.push_back(flow());
            problem.flows.back().previous =
                static_cast<std::uint8_t>(random_.below(static_cast<std::uint32_t>(interfaces)));
        }
        return problem;
    }
    Random& random() { return random_; }

  private:
    Random random_;
    double reading_s_;
};

}  // namespace homeward::papers
