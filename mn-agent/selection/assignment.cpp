#include "selection/assignment.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace homeward::selection {
namespace {

bool positive(double value) {
    return std::isfinite(value) && value > 0;
}

std::int64_t billionths(double value) {
    return std::llround(value * 1e9);
}

bool same(const RadioProfile& a, const RadioProfile& b) {
    return a.active_w == b.active_w && a.tail1_w == b.tail1_w && a.tail2_w == b.tail2_w && a.idle_w == b.idle_w &&
           a.tail1_s == b.tail1_s && a.tail2_s == b.tail2_s && a.wake_from_idle_j == b.wake_from_idle_j &&
           a.wake_from_tail2_j == b.wake_from_tail2_j && a.active_w_per_mbps == b.active_w_per_mbps;
}

}  // namespace

bool AssignmentProblem::valid() const {
    return std::all_of(flows.begin(), flows.end(),
                       [](const FlowDemand& f) { return positive(f.mbps) && positive(f.on_s) && positive(f.off_s); }) &&
           std::all_of(interfaces.begin(), interfaces.end(),
                       [](const InterfaceOffer& offer) { return !offer.available || positive(offer.mbps); });
}

double AssignmentProblem::demand_mbps() const {
    return std::accumulate(flows.begin(), flows.end(), 0.0,
                           [](double sum, const FlowDemand& flow) { return sum + flow.mbps; });
}

std::uint8_t CostModel::class_for(const FlowDemand& flow, bool by_previous) {
    const std::uint8_t previous = by_previous ? flow.previous : kParked;
    for (std::size_t c = 0; c < classes_.size(); ++c) {
        const ClassCost& cost = costs_[c];
        if (cost.mbps == flow.mbps && cost.on_s == flow.on_s && cost.off_s == flow.off_s &&
            classes_[c].previous == previous) {
            return static_cast<std::uint8_t>(c);
        }
    }
    const std::size_t c = classes_.size();
    classes_.push_back({0, previous});
    ClassCost& cost = costs_[c];
    cost.mbps = flow.mbps;
    cost.on_s = flow.on_s;
    cost.off_s = flow.off_s;
    cost.silent = flow.off_s / (flow.on_s + flow.off_s);
    cost.rate = 1 / flow.off_s;
    cost.carried = flow.mbps * (1 - cost.silent);
    for (const std::uint8_t j : available_) {
        const RadioProfile& radio = offers_[j].radio;
        cost.factor[j] = {std::exp(-radio.tail1_s * cost.rate), std::exp(-(radio.tail1_s + radio.tail2_s) * cost.rate)};
    }
    demand_of_class_[c] = billionths(flow.mbps);
    return static_cast<std::uint8_t>(c);
}

void CostModel::prepare(const AssignmentProblem& problem, bool by_previous) {
    flow_count_ = problem.flows.size();
    interface_count_ = problem.interfaces.size();
    available_.clear();
    for (std::size_t j = 0; j < interface_count_; ++j) {
        offers_[j] = problem.interfaces[j];
        bandwidth_[j] = billionths(offers_[j].mbps);
        if (offers_[j].available) {
            available_.push_back(static_cast<std::uint8_t>(j));
        }
    }
    classes_.clear();
    total_demand_ = 0;
    for (std::size_t i = 0; i < flow_count_; ++i) {
        class_of_[i] = class_for(problem.flows[i], by_previous);
        previous_[i] = problem.flows[i].previous;
        ++classes_[class_of_[i]].flows;
        total_demand_ += demand(i);
        order_[i] = static_cast<std::uint8_t>(i);
    }
    std::sort(order_.begin(), order_.begin() + static_cast<std::ptrdiff_t>(flow_count_),
              [&](auto a, auto b) { return class_of_[a] != class_of_[b] ? class_of_[a] < class_of_[b] : a < b; });
}

void CostModel::add(Load& load, std::size_t c, std::size_t j) const {
    const ClassCost& cost = costs_[c];
    load.idle *= cost.silent;
    load.tail1 *= cost.factor[j].tail1;
    load.tail2 *= cost.factor[j].tail2;
    load.arrivals += cost.rate;
    load.carried_mbps += cost.carried;
    load.demand += demand_of_class_[c];
    ++load.flows;
}

std::int64_t CostModel::power(const Load& load, std::size_t j) const {
    const RadioProfile& radio = offers_[j].radio;
    if (load.flows == 0) {
        return offers_[j].may_switch_off ? 0 : billionths(radio.idle_w);
    }
    const double in_tail2 = load.tail1 - load.tail2;
    const double resting = radio.tail1_w * (1 - load.tail1) + radio.tail2_w * in_tail2 + radio.idle_w * load.tail2;
    const double waking = load.arrivals * (load.tail2 * radio.wake_from_idle_j + in_tail2 * radio.wake_from_tail2_j);
    return billionths(radio.active_w * (1 - load.idle) + load.idle * (resting + waking) +
                      radio.active_w_per_mbps * load.carried_mbps);
}

double CostModel::least_power_w(const Load& load, std::size_t j) const {
    const RadioProfile& radio = offers_[j].radio;
    if (load.flows == 0 && offers_[j].may_switch_off) {
        return 0;
    }
    const double tail1 = std::min(radio.tail1_w, radio.active_w);
    const double tail2 = std::min(radio.tail2_w, tail1);
    const double idle = std::min(radio.idle_w, tail2);
    const double falls = (radio.active_w - tail1) + (tail1 - tail2) * load.tail1 + (tail2 - idle) * load.tail2;
    return radio.active_w - load.idle * falls + radio.active_w_per_mbps * load.carried_mbps;
}

std::int64_t CostModel::shortfall(const Load& load, std::size_t j) const {
    return std::max<std::int64_t>(0, load.demand - bandwidth_[j]);
}

Cost CostModel::evaluate(const Assignment& assignment) const {
    std::array<Load, kMaxInterfaces> loads;  // NOLINT(cppcoreguidelines-pro-type-member-init): has defaults
    Cost cost;
    for (std::size_t place = 0; place < flow_count_; ++place) {
        const std::size_t i = order_[place];
        const std::uint8_t j = assignment[i];
        if (j == kParked) {
            cost.shortfall += demand(i);
            continue;
        }
        add(loads[j], class_of_[i], j);
        cost.moves += previous_[i] != kParked && previous_[i] != j ? 1U : 0U;
    }
    for (const std::uint8_t j : available_) {
        cost.power += power(loads[j], j);
        cost.shortfall += shortfall(loads[j], j);
    }
    return cost;
}

bool CostModel::same_class(const CostModel& other, std::size_t c) const {
    const ClassCost& a = costs_[c];
    const ClassCost& b = other.costs_[c];
    return a.mbps == b.mbps && a.on_s == b.on_s && a.off_s == b.off_s &&
           classes_[c].previous == other.classes_[c].previous;
}

bool CostModel::same_interfaces(const CostModel& other) const {
    if (interface_count_ != other.interface_count_) {
        return false;
    }
    for (std::size_t j = 0; j < interface_count_; ++j) {
        const InterfaceOffer& a = offers_[j];
        const InterfaceOffer& b = other.offers_[j];
        if (a.available != b.available || bandwidth_[j] != other.bandwidth_[j] ||
            a.may_switch_off != b.may_switch_off || !same(a.radio, b.radio)) {
            return false;
        }
    }
    return true;
}

}  // namespace homeward::selection
