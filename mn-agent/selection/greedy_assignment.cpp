#include "selection/greedy_assignment.h"

#include <algorithm>
#include <cmath>

namespace homeward::selection {
namespace {

using Loads = std::array<Load, kMaxInterfaces>;

double worth(const CostModel& model, const Load& load, std::size_t j, double weight) {
    return static_cast<double>(model.power(load, j)) + weight * static_cast<double>(model.shortfall(load, j));
}

/// What the flow adds on interface `j`.
double added(const CostModel& model, const Loads& loads, std::size_t flow, std::size_t j, double weight) {
    Load with = loads[j];
    model.add(with, model.class_of(flow), j);
    return worth(model, with, j, weight) - worth(model, loads[j], j, weight);
}

Load load_of(const CostModel& model, const Assignment& assignment, std::size_t j, std::size_t without) {
    Load load;
    for (std::size_t flow = 0; flow < model.flows(); ++flow) {
        if (assignment[flow] == j && flow != without) {
            model.add(load, model.class_of(flow), j);
        }
    }
    return load;
}

std::uint8_t cheapest(const CostModel& model, const Loads& loads, std::size_t flow, double weight) {
    std::uint8_t best = model.available()[0];
    double least = INFINITY;
    for (const std::uint8_t j : model.available()) {
        const double more = added(model, loads, flow, j, weight);
        if (more < least) {
            least = more;
            best = j;
        }
    }
    return best;
}

}  // namespace

Assignment assign_greedily(const CostModel& model, double watts_per_mbps) {
    Assignment result;
    result.fill(kParked);
    if (model.available().empty()) {
        return result;
    }
    std::array<std::uint8_t, kMaxFlows> order{};
    for (std::size_t i = 0; i < model.flows(); ++i) {
        order[i] = static_cast<std::uint8_t>(i);
    }
    std::sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(model.flows()), [&](auto a, auto b) {
        return model.demand(a) != model.demand(b) ? model.demand(a) > model.demand(b) : a < b;
    });
    Loads loads;  // NOLINT(cppcoreguidelines-pro-type-member-init): has defaults
    for (std::size_t place = 0; place < model.flows(); ++place) {
        const std::size_t flow = order[place];
        result[flow] = cheapest(model, loads, flow, watts_per_mbps);
        model.add(loads[result[flow]], model.class_of(flow), result[flow]);
    }
    for (std::size_t flow = 0; flow < model.flows(); ++flow) {
        const std::uint8_t from = result[flow];
        loads[from] = load_of(model, result, from, flow);
        result[flow] = cheapest(model, loads, flow, watts_per_mbps);
        loads[result[flow]] = load_of(model, result, result[flow], kMaxFlows);
    }
    return result;
}

std::span<const double> spread_of_weighings() {
    static constexpr std::array<double, 16> kWeighings{0,   0.02, 0.05, 0.08, 0.12, 0.16, 0.2, 0.25,
                                                       0.3, 0.4,  0.5,  0.7,  1,    2,    5,   100};
    return kWeighings;
}

std::vector<Assignment> greedy_assignments(const AssignmentProblem& problem) {
    CostModel model;
    model.prepare(problem, false);
    std::vector<Assignment> assignments;
    for (const double weight : spread_of_weighings()) {
        assignments.push_back(assign_greedily(model, weight));
    }
    return assignments;
}

}  // namespace homeward::selection
