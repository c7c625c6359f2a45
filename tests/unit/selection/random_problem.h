#pragma once

#include "selection/assignment.h"
#include "selection/random.h"

namespace homeward::selection {

/// Seeded assignment problems; some flows cost the same, some interfaces are not there.
class RandomProblem {
  public:
    explicit RandomProblem(std::uint64_t seed) : random_(seed) {}

    AssignmentProblem next(std::uint32_t flows, std::uint32_t interfaces, double missing = 0) {
        AssignmentProblem problem;
        for (std::uint32_t j = 0; j < interfaces; ++j) {
            problem.interfaces.push_back(offer(j, missing));
        }
        for (std::uint32_t i = 0; i < flows; ++i) {
            const bool twin = i > 0 && random_.chance(0.15);
            FlowDemand flow = twin ? problem.flows[random_.below(i)] : fresh();
            flow.previous = random_.chance(0.2) ? kParked : static_cast<std::uint8_t>(random_.below(interfaces));
            problem.flows.push_back(flow);
        }
        return problem;
    }

    Random& random() { return random_; }

  private:
    InterfaceOffer offer(std::uint32_t number, double missing) {
        const bool wireless = number % 2 == 1;
        InterfaceOffer offer;
        offer.radio = wireless ? kWlanAria : number % 4 == 0 ? kUmtsAria : kLteAria;
        offer.mbps = wireless ? random_.uniform(1, 5) : random_.uniform(0.5, 2);
        offer.available = !random_.chance(missing);
        offer.may_switch_off = random_.chance(0.2);
        return offer;
    }
    FlowDemand fresh() {
        return random_.chance(0.4)
                   ? FlowDemand{random_.uniform(0.5, 2), 120, 60, kParked}
                   : FlowDemand{random_.uniform(0.2, 0.6), random_.uniform(2, 20), random_.uniform(10, 400), kParked};
    }

    Random random_;
};

}  // namespace homeward::selection
