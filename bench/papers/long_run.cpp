#include <algorithm>

#include "arrivals.h"
#include "papers.h"
#include "processor_time.h"
#include "selection/catalogue.h"
#include "selection/exact_front.h"
#include "selection/front_choice.h"
#include "selection/madm.h"
#include "selection/nsga2.h"

namespace homeward::papers {
namespace {

using namespace homeward::selection;
using nlohmann::json;

/// How the flows of a running system are assigned at each event.
class Policy {
  public:
    enum class Kind : std::uint8_t {
        exact_moves,
        exact_power,
        exact_knee,
        genetic_knee,
        saw,
        mew,
        topsis,
        ahp,
        min_rtt,
        all_wlan,
        all_umts,
        widest
    };

    Policy(std::string name, Kind kind, std::uint32_t generations = 100)
        : name_(std::move(name)),
          kind_(kind),
          exact_({.max_pairs = 20'000'000}),
          genetic_({.generations = std::max(1U, generations)}) {}

    const std::string& name() const { return name_; }

    Assignment assign(const AssignmentProblem& problem, Random& random) {
        switch (kind_) {
            case Kind::exact_moves:
                return by_front(problem, true, ChoiceRule::fewest_moves);
            case Kind::exact_power:
                return by_front(problem, false, ChoiceRule::least_power, 0.01);
            case Kind::exact_knee:
                return by_front(problem, false, ChoiceRule::knee);
            case Kind::genetic_knee:
                return by_genes(problem, random);
            case Kind::mew:
                return assign_by_madm(problem, MadmMethod::mew, {});
            case Kind::topsis:
                return assign_by_madm(problem, MadmMethod::topsis, {});
            case Kind::ahp:
                return assign_by_madm(problem, MadmMethod::saw, ahp_);
            case Kind::min_rtt:
                return by_round_trip(problem);
            case Kind::all_wlan:
                return all_on(problem, 1);
            case Kind::all_umts:
                return all_on(problem, 0);
            case Kind::widest:
                return assign_by_madm(problem, MadmMethod::saw, {1, 0, 0});
            case Kind::saw:
                break;
        }
        return assign_by_madm(problem, MadmMethod::saw, {});
    }

  private:
    Assignment by_front(const AssignmentProblem& problem, bool moves, ChoiceRule rule, double slack = 0) {
        exact_.solve(problem, moves, {});
        front_.clear();
        for (std::size_t i = 0; i < exact_.size(); ++i) {
            front_.push_back(exact_.cost(i).objectives());
        }
        return exact_.assignment(choose(front_, {rule, slack}, problem.demand_mbps(), 1));
    }

    Assignment by_genes(const AssignmentProblem& problem, Random& random) {
        genetic_.solve(problem, {}, random, {});
        if (genetic_.size() == 0) {
            return all_on(problem, 0);
        }
        front_.clear();
        for (std::size_t i = 0; i < genetic_.size(); ++i) {
            front_.push_back(genetic_.cost(i).objectives());
        }
        return genetic_.assignment(choose(front_, {ChoiceRule::knee, 0}, problem.demand_mbps(), 1));
    }

    /// The path of the shortest round trip that has room, as MPTCP's scheduler would for whole flows: WLAN before 3G.
    /// Where none has, the shortest.
    static Assignment by_round_trip(const AssignmentProblem& problem) {
        std::vector<std::uint8_t> order;
        for (const std::size_t kind : {1U, 0U}) {
            for (std::size_t j = 0; j < problem.interfaces.size(); ++j) {
                if (problem.interfaces[j].available && j % 2 == kind) {
                    order.push_back(static_cast<std::uint8_t>(j));
                }
            }
        }
        Assignment assignment;
        assignment.fill(kParked);
        std::array<double, kMaxInterfaces> carried{};
        for (std::size_t i = 0; i < problem.flows.size() && !order.empty(); ++i) {
            const double mbps = problem.flows[i].mbps;
            const auto found = std::find_if(order.begin(), order.end(), [&](std::uint8_t j) {
                return carried[j] + mbps <= problem.interfaces[j].mbps;
            });
            assignment[i] = found == order.end() ? order.front() : *found;
            carried[assignment[i]] += mbps;
        }
        return assignment;
    }

    static MadmWeights weights_by_ahp() {
        const auto found = ahp_weights(EngineSettings::usual_judgements(), 3);
        return {found->weights[0], found->weights[1], found->weights[2]};
    }

    /// On the interfaces of one kind in turn, on any where none of them is there.
    static Assignment all_on(const AssignmentProblem& problem, std::size_t kind) {
        std::vector<std::uint8_t> usable;
        for (const bool any : {false, true}) {
            for (std::size_t j = 0; j < problem.interfaces.size() && (!any || usable.size() < 1); ++j) {
                if (problem.interfaces[j].available && (any || j % 2 == kind)) {
                    usable.push_back(static_cast<std::uint8_t>(j));
                }
            }
        }
        Assignment assignment;
        assignment.fill(kParked);
        for (std::size_t i = 0; i < problem.flows.size() && !usable.empty(); ++i) {
            assignment[i] = usable[i % usable.size()];
        }
        return assignment;
    }

    std::string name_;
    Kind kind_;
    ExactFront exact_;
    Nsga2 genetic_;
    MadmWeights ahp_ = weights_by_ahp();
    std::vector<Objectives> front_;
};

/// Arrivals, departures and interfaces that come and go; the same for every policy of the same seed.
class World {
  public:
    World(std::uint64_t seed, std::size_t interfaces) : arrivals_(seed, 30), interfaces_(interfaces) {
        for (std::size_t j = 0; j < interfaces_; ++j) {
            offers_.push_back(arrivals_.offer(j));
            flips_.push_back(up_time(j));
        }
    }

    /// Until the next arrival. `problem` is left with who is there and where they were.
    void advance(AssignmentProblem& problem, const Assignment& assignment) {
        for (std::size_t i = 0; i < problem.flows.size(); ++i) {
            problem.flows[i].previous = assignment[i];
        }
        now_ += arrivals_.random().exponential(30);
        for (std::size_t i = problem.flows.size(); i-- > 0;) {
            if (leaves_[i] <= now_) {
                problem.flows.erase(problem.flows.begin() + i);
                leaves_.erase(leaves_.begin() + static_cast<std::ptrdiff_t>(i));
            }
        }
        for (std::size_t j = 0; j < interfaces_; ++j) {
            while (flips_[j] <= now_) {
                offers_[j].available = !offers_[j].available;
                flips_[j] += offers_[j].available ? up_time(j) : arrivals_.random().exponential(j % 2 == 1 ? 60 : 30);
            }
        }
        problem.interfaces.clear();
        for (const InterfaceOffer& each : offers_) {
            problem.interfaces.push_back(each);
        }
        const FlowDemand flow = arrivals_.flow();
        const double lifetime = arrivals_.lifetime(flow);
        if (problem.flows.size() < kMost) {
            problem.flows.push_back(flow);
            leaves_.push_back(now_ + lifetime);
        }
    }

  private:
    static constexpr std::size_t kMost = 9;  // flows at a time: the exact front of all policies' worlds stays cheap

    double up_time(std::size_t j) { return arrivals_.random().exponential(j % 2 == 1 ? 120 : 600); }

    Arrivals arrivals_;
    std::size_t interfaces_;
    double now_ = 0;
    std::vector<InterfaceOffer> offers_;
    std::vector<double> flips_;
    std::vector<double> leaves_;
};

struct LongRun {
    double moves = 0, power_w = 0, shortfall = 0, least_shortfall = 0, demand = 0, us = 0;
};

LongRun long_run(Policy& policy, std::uint64_t seed, int events) {
    World world{seed, 4};
    AssignmentProblem problem;
    Assignment assignment;
    assignment.fill(kParked);
    Random random{seed};
    LongRun sums;
    ExactFront reference{{.max_pairs = 20'000'000}};
    CostModel model;
    for (int event = 0; event < events; ++event) {
        world.advance(problem, assignment);
        for (FlowDemand& flow : problem.flows) {  // whose interface is gone has to move whatever is decided
            flow.previous =
                flow.previous != kParked && !problem.interfaces[flow.previous].available ? kParked : flow.previous;
        }
        const double from = processor_us();
        assignment = policy.assign(problem, random);
        sums.us += processor_us() - from;
        model.prepare(problem, false);
        const Objectives cost = model.evaluate(assignment).objectives();
        reference.solve(problem, false, {});
        sums.moves += cost.moves;
        sums.power_w += cost.power_w;
        sums.shortfall += cost.shortfall_mbps;
        sums.least_shortfall += reference.cost(reference.size() - 1).objectives().shortfall_mbps;
        sums.demand += problem.demand_mbps();
    }
    return sums;
}

}  // namespace

json long_runs(int seeds, int events, Progress& progress) {
    using Kind = Policy::Kind;
    Policy policies[] = {{"exact, fewest moves", Kind::exact_moves},
                         {"exact, least power", Kind::exact_power},
                         {"exact, knee", Kind::exact_knee},
                         {"GA-10, knee", Kind::genetic_knee, 10},
                         {"GA-100, knee", Kind::genetic_knee, 100},
                         {"GA-500, knee", Kind::genetic_knee, 500},
                         {"SAW", Kind::saw},
                         {"MEW", Kind::mew},
                         {"TOPSIS", Kind::topsis},
                         {"AHP", Kind::ahp},
                         {"shortest round trip", Kind::min_rtt},
                         {"widest first", Kind::widest},
                         {"all WLAN", Kind::all_wlan},
                         {"all 3G", Kind::all_umts}};
    json result = json::array();
    for (Policy& policy : policies) {
        json rows{{"name", policy.name()}};
        for (int seed = 0; seed < seeds; ++seed) {
            const LongRun run = long_run(policy, static_cast<std::uint64_t>(seed) + 300, events);
            rows["moves"].push_back(run.moves / events);
            rows["power_w"].push_back(run.power_w / events);
            rows["shortfall"].push_back(run.shortfall / events);
            rows["above_least"].push_back((run.shortfall - run.least_shortfall) / run.demand);
            rows["us"].push_back(run.us / events);
            progress.step();
        }
        result.push_back(rows);
    }
    return result;
}

}  // namespace homeward::papers
