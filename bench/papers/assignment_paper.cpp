#include <algorithm>
#include <cmath>
#include <set>

#include "papers.h"
#include "processor_time.h"
#include "selection/exact_front.h"
#include "selection/front_choice.h"
#include "selection/front_quality.h"
#include "selection/greedy_assignment.h"
#include "selection/madm.h"
#include "selection/nsga2.h"

namespace homeward::papers {
namespace {

using namespace homeward::selection;
using nlohmann::json;

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

std::vector<Cost> costs_of(const ExactFront& exact) {
    std::vector<Cost> costs;
    for (std::size_t i = 0; i < exact.size(); ++i) {
        costs.push_back(exact.cost(i));
    }
    return costs;
}

std::vector<Cost> costs_of(const Nsga2& genetic) {
    std::vector<Cost> costs;
    for (std::size_t i = 0; i < genetic.size(); ++i) {
        costs.push_back(genetic.cost(i));
    }
    return costs;
}

/// All of the last population, which is what the paper draws and counts.
std::vector<Cost> population_of(const Nsga2& genetic) {
    std::vector<Cost> costs;
    for (const std::uint32_t i : genetic.population()) {
        const Cost& cost = genetic.cost_of(i);
        const bool known = std::any_of(costs.begin(), costs.end(), [&](const Cost& each) {
            return each.power == cost.power && each.shortfall == cost.shortfall;
        });
        if (!known) {
            costs.push_back(cost);
        }
    }
    return costs;
}

struct QualityRows {
    json recall = json::array(), precision = json::array(), hypervolume = json::array(), igd_plus = json::array(),
         points = json::array(), us = json::array();

    void add(const std::vector<Cost>& found, const std::vector<Cost>& judged, const std::vector<Cost>& exact,
             double time) {
        const FrontQuality quality = front_quality(found, exact);
        recall.push_back(quality.recall);
        precision.push_back(front_quality(judged, exact).precision);
        hypervolume.push_back(quality.hypervolume);
        igd_plus.push_back(quality.igd_plus);
        points.push_back(found.size());
        us.push_back(time);
    }
    json take() const {
        return {{"recall", recall},     {"precision", precision}, {"hypervolume", hypervolume},
                {"igd_plus", igd_plus}, {"points", points},       {"us", us}};
    }
};

/// NSGA-II as the paper has it, cold, beside the exact front, by size and by generations.
json approximation(int seeds, Progress& progress) {
    struct Size {
        std::size_t flows, interfaces;
    };
    constexpr Size kSizes[] = {{4, 2}, {4, 4}, {8, 2}, {8, 4}, {10, 4}, {12, 4}};
    json result = json::array();
    ExactFront exact{{.max_pairs = 20'000'000}};
    for (const Size& size : kSizes) {
        QualityRows rows[3];
        json exact_points = json::array(), exact_us = json::array();
        for (int seed = 0; seed < seeds; ++seed) {
            Arrivals arrivals{static_cast<std::uint64_t>(seed)};
            const AssignmentProblem problem = arrivals.problem(size.flows, size.interfaces);
            double from = processor_us();
            exact.solve(problem, false, {});
            exact_us.push_back(processor_us() - from);
            const std::vector<Cost> whole = costs_of(exact);
            exact_points.push_back(whole.size());
            for (std::size_t g = 0; g < 3; ++g) {
                Nsga2 genetic{{.generations = std::array{10U, 100U, 500U}[g]}};
                Random random{static_cast<std::uint64_t>(seed) + 77};
                from = processor_us();
                genetic.solve(problem, {}, random, {});
                const double time = processor_us() - from;
                rows[g].add(costs_of(genetic), population_of(genetic), whole, time);
            }
            progress.step();
        }
        result.push_back({{"flows", size.flows},
                          {"interfaces", size.interfaces},
                          {"exact", {{"points", exact_points}, {"us", exact_us}}},
                          {"ga10", rows[0].take()},
                          {"ga100", rows[1].take()},
                          {"ga500", rows[2].take()}});
    }
    return result;
}

/// One event as Figure 1 draws it: 8 flows on 4 interfaces.
json drawn_event() {
    Arrivals arrivals{5};
    const AssignmentProblem problem = arrivals.problem(8, 4);
    ExactFront exact{{}};
    exact.solve(problem, false, {});
    const auto drawn = [](const std::vector<Cost>& costs) {
        json points = json::array();
        for (const Cost& each : costs) {
            const Objectives objectives = each.objectives();
            points.push_back({objectives.power_w, objectives.shortfall_mbps});
        }
        return points;
    };
    json result{{"exact", drawn(costs_of(exact))}};
    for (const std::uint32_t generations : {10U, 100U, 500U}) {
        Nsga2 genetic{{.generations = generations}};
        Random random{3};
        genetic.solve(problem, {}, random, {});
        result["ga" + std::to_string(generations)] = drawn(population_of(genetic));
    }
    return result;
}

/// NSGA-II started from what greed finds, all within a millisecond, with 20 flows. The exact front is known where flows
/// come in four kinds.
json within_a_millisecond(int seeds, Progress& progress) {
    json hypervolume = json::array(), generations = json::array(), us = json::array();
    CostModel model;
    ExactFront exact{{.max_pairs = 50'000'000}};
    Nsga2 genetic{{.generations = 100'000, .distinct = true}};
    for (int seed = 0; seed < seeds; ++seed) {
        Arrivals arrivals{static_cast<std::uint64_t>(seed) + 500};
        AssignmentProblem problem = arrivals.problem(4, 3);
        for (std::size_t i = 4; i < 20; ++i) {
            problem.flows.push_back(problem.flows[i % 4]);
        }
        Random random{static_cast<std::uint64_t>(seed)};
        const double from = processor_us();
        const Deadline deadline{processor_clock, nullptr, processor_clock(nullptr) + 1000};
        model.prepare(problem, false);
        std::vector<Assignment> warm;
        for (const double weight : spread_of_weighings()) {
            warm.push_back(assign_greedily(model, weight));
        }
        for (std::uint8_t j = 0; j < problem.interfaces.size(); ++j) {
            warm.push_back(warm[0]);
            warm.back().fill(j);
        }
        genetic.solve(problem, warm, random, deadline);
        us.push_back(processor_us() - from);
        exact.solve(problem, false, {});
        hypervolume.push_back(front_quality(costs_of(genetic), costs_of(exact)).hypervolume);
        generations.push_back(genetic.generations_done());
        progress.step();
    }
    return {{"hypervolume", hypervolume}, {"generations", generations}, {"us", us}};
}

/// Microseconds of the exact front of 8 flows on 4 interfaces: two objectives, three, and with one flow added.
json exact_times(int instances) {
    json two = json::array(), three = json::array(), added = json::array();
    ExactFront exact{{}};
    for (int i = 0; i < instances; ++i) {
        Arrivals arrivals{static_cast<std::uint64_t>(i) + 9000};
        AssignmentProblem problem = arrivals.problem(8, 4);
        double from = processor_us();
        exact.solve(problem, false, {});
        two.push_back(processor_us() - from);
        const FlowDemand last = problem.flows.back();
        AssignmentProblem less = problem;
        less.flows.erase(less.flows.end() - 1);
        exact.solve(less, false, {});
        less.flows.push_back(last);
        from = processor_us();
        exact.solve(less, false, {});
        added.push_back(processor_us() - from);
        from = processor_us();
        exact.solve(problem, true, {});
        three.push_back(processor_us() - from);
    }
    return {{"two_us", two}, {"three_us", three}, {"added_us", added}};
}

/// How the flows of a running system are assigned at each event.
class Policy {
  public:
    enum class Kind : std::uint8_t {
        exact_moves,
        exact_knee,
        genetic_knee,
        saw,
        mew,
        topsis,
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
            case Kind::exact_knee:
                return by_front(problem, false, ChoiceRule::knee);
            case Kind::genetic_knee:
                return by_genes(problem, random);
            case Kind::mew:
                return assign_by_madm(problem, MadmMethod::mew, {});
            case Kind::topsis:
                return assign_by_madm(problem, MadmMethod::topsis, {});
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
    Assignment by_front(const AssignmentProblem& problem, bool moves, ChoiceRule rule) {
        exact_.solve(problem, moves, {});
        front_.clear();
        for (std::size_t i = 0; i < exact_.size(); ++i) {
            front_.push_back(exact_.cost(i).objectives());
        }
        return exact_.assignment(choose(front_, {rule, 0.0}, problem.demand_mbps(), 1));
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

json reallocations(int seeds, int events, Progress& progress) {
    using Kind = Policy::Kind;
    Policy policies[] = {{"exact, fewest moves", Kind::exact_moves},
                         {"exact, knee", Kind::exact_knee},
                         {"GA-10, knee", Kind::genetic_knee, 10},
                         {"GA-100, knee", Kind::genetic_knee, 100},
                         {"GA-500, knee", Kind::genetic_knee, 500},
                         {"SAW", Kind::saw},
                         {"MEW", Kind::mew},
                         {"TOPSIS", Kind::topsis},
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

/// One flow, four networks, four attributes, the same weights: do the methods choose the same network?
json disagreement(int scenarios) {
    Random random{31};
    json pairs = json::array();
    int all = 0;
    int between[3] = {};
    for (int s = 0; s < scenarios; ++s) {
        DecisionTable table;
        for (const bool benefit : {true, false, false, false}) {  // bandwidth; delay, loss, price
            table.attributes.push_back({benefit, random.uniform(0.05, 1)});
        }
        for (int i = 0; i < 4; ++i) {
            table.alternatives.push_back({random.uniform(0.5, 20), random.uniform(10, 200), random.uniform(0.001, 0.05),
                                          random.uniform(0.1, 1)});
        }
        std::size_t chosen[3];
        for (const MadmMethod method : {MadmMethod::saw, MadmMethod::mew, MadmMethod::topsis}) {
            const Scores scores = score(table, method);
            chosen[static_cast<std::size_t>(method)] =
                static_cast<std::size_t>(std::max_element(scores.begin(), scores.end()) - scores.begin());
        }
        all += std::set<std::size_t>(std::begin(chosen), std::end(chosen)).size() > 1 ? 1 : 0;
        between[0] += chosen[0] != chosen[1] ? 1 : 0;
        between[1] += chosen[0] != chosen[2] ? 1 : 0;
        between[2] += chosen[1] != chosen[2] ? 1 : 0;
    }
    const auto share = [&](int count) { return static_cast<double>(count) / scenarios; };
    return {{"scenarios", scenarios},
            {"any", share(all)},
            {"saw_mew", share(between[0])},
            {"saw_topsis", share(between[1])},
            {"mew_topsis", share(between[2])}};
}

}  // namespace

json assignment_paper(int seeds) {
    constexpr int kEvents = 200;
    const int runs = std::min(seeds, 30);
    Progress progress{"paper 003, assignments", 6 * seeds + seeds + 11 * runs};
    json result;
    result["approximation"] = approximation(seeds, progress);
    result["event"] = drawn_event();
    result["millisecond"] = within_a_millisecond(seeds, progress);
    result["exact_times"] = exact_times(1000);
    result["long_run"] = reallocations(runs, kEvents, progress);
    result["events"] = kEvents;
    result["madm"] = disagreement(1000);
    return result;
}

}  // namespace homeward::papers
