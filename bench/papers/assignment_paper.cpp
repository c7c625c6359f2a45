#include <algorithm>
#include <cmath>
#include <set>

#include "arrivals.h"
#include "front_costs.h"
#include "papers.h"
#include "processor_time.h"
#include "selection/exact_front.h"
#include "selection/front_quality.h"
#include "selection/greedy_assignment.h"
#include "selection/madm.h"
#include "selection/nsga2.h"

namespace homeward::papers {
namespace {

using namespace homeward::selection;
using nlohmann::json;

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

struct Judged {
    FrontQuality quality;  // precision is that of the whole population
    double points = 0;
    double us = 0;
};

/// NSGA-II on one instance, cold; the mean of `draws` seeds, since one front that misses its end weighs much.
Judged judge(Nsga2& genetic, const AssignmentProblem& problem, const std::vector<Cost>& exact, int draws,
             std::uint64_t seed) {
    Judged mean;
    for (int draw = 0; draw < draws; ++draw) {
        Random random{seed + 77 + 100'000 * static_cast<std::uint64_t>(draw)};
        const double from = processor_us();
        genetic.solve(problem, {}, random, {});
        mean.us += (processor_us() - from) / draws;
        const std::vector<Cost> found = costs_of(genetic);
        const FrontQuality quality = front_quality(found, exact);
        mean.quality.recall += quality.recall / draws;
        mean.quality.precision += front_quality(population_of(genetic), exact).precision / draws;
        mean.quality.hypervolume += quality.hypervolume / draws;
        mean.quality.igd_plus += quality.igd_plus / draws;
        mean.points += static_cast<double>(found.size()) / draws;
    }
    return mean;
}

struct QualityRows {
    json recall = json::array(), precision = json::array(), hypervolume = json::array(), igd_plus = json::array(),
         points = json::array(), us = json::array();

    void add(const Judged& judged) {
        recall.push_back(judged.quality.recall);
        precision.push_back(judged.quality.precision);
        hypervolume.push_back(judged.quality.hypervolume);
        igd_plus.push_back(judged.quality.igd_plus);
        points.push_back(judged.points);
        us.push_back(judged.us);
    }
    json take() const {
        return {{"recall", recall},     {"precision", precision}, {"hypervolume", hypervolume},
                {"igd_plus", igd_plus}, {"points", points},       {"us", us}};
    }
};

/// NSGA-II as the paper has it, and improved, both cold, beside the exact front, by size and by generations.
json approximation(int seeds, Progress& progress) {
    struct Size {
        std::size_t flows, interfaces;
    };
    constexpr Size kSizes[] = {{4, 2}, {4, 4}, {8, 2}, {8, 4}, {10, 4}, {12, 4}};
    json result = json::array();
    ExactFront exact{{.max_pairs = 20'000'000}};
    for (const Size& size : kSizes) {
        const int draws = size.flows == 8 && size.interfaces == 4 ? 4 : 1;  // the paper's size
        QualityRows rows[6];
        json exact_points = json::array(), exact_us = json::array();
        for (int seed = 0; seed < seeds; ++seed) {
            Arrivals arrivals{static_cast<std::uint64_t>(seed)};
            const AssignmentProblem problem = arrivals.problem(size.flows, size.interfaces);
            const double from = processor_us();
            exact.solve(problem, false, {});
            exact_us.push_back(processor_us() - from);
            const std::vector<Cost> whole = costs_of(exact);
            exact_points.push_back(whole.size());
            for (std::size_t g = 0; g < 6; ++g) {
                const std::uint32_t generations = std::array{10U, 100U, 500U}[g % 3];
                Nsga2 genetic{g < 3 ? Nsga2::Settings{.generations = generations} : Nsga2::improved(generations)};
                rows[g].add(judge(genetic, problem, whole, draws, static_cast<std::uint64_t>(seed)));
            }
            progress.step();
        }
        result.push_back({{"flows", size.flows},
                          {"interfaces", size.interfaces},
                          {"exact", {{"points", exact_points}, {"us", exact_us}}},
                          {"ga10", rows[0].take()},
                          {"ga100", rows[1].take()},
                          {"ga500", rows[2].take()},
                          {"improved10", rows[3].take()},
                          {"improved100", rows[4].take()},
                          {"improved500", rows[5].take()}});
    }
    return result;
}

/// NSGA-II as the paper has it where the exact front is out of reach: how many points it finds, and how long it takes.
json beyond_exact(int seeds, Progress& progress) {
    json result = json::array();
    for (const std::size_t flows : {16U, 20U}) {
        for (const std::uint32_t generations : {10U, 100U, 500U}) {
            json points = json::array(), us = json::array();
            for (int seed = 0; seed < seeds; ++seed) {
                Arrivals arrivals{static_cast<std::uint64_t>(seed)};
                Nsga2 genetic{{.generations = generations}};
                Random random{static_cast<std::uint64_t>(seed) + 77};
                const AssignmentProblem problem = arrivals.problem(flows, 4);
                const double from = processor_us();
                genetic.solve(problem, {}, random, {});
                us.push_back(processor_us() - from);
                points.push_back(genetic.size());
                progress.step();
            }
            result.push_back(
                {{"flows", flows}, {"interfaces", 4}, {"generations", generations}, {"points", points}, {"us", us}});
        }
    }
    return result;
}

/// Counts the instances of up to 8 flows on up to 4 interfaces whose exact front is that of all assignments.
json brute_force(int instances, Progress& progress) {
    ExactFront exact{{}};
    CostModel model;
    int equal = 0;
    for (int i = 0; i < instances; ++i) {
        Arrivals arrivals{static_cast<std::uint64_t>(i) + 20'000};
        const std::size_t flows = 1 + arrivals.random().below(8);
        const std::size_t interfaces = 1 + arrivals.random().below(4);
        const AssignmentProblem problem = arrivals.problem(flows, interfaces);
        model.prepare(problem, false);
        std::vector<Cost> all;
        Assignment assignment{};
        for (std::size_t digit = 0; digit < flows;) {
            all.push_back(model.evaluate(assignment));
            for (digit = 0; digit < flows && ++assignment[digit] == interfaces; ++digit) {
                assignment[digit] = 0;
            }
        }
        keep_nondominated(all);
        exact.solve(problem, false, {});
        const std::vector<Cost> found = costs_of(exact);
        equal += std::equal(all.begin(), all.end(), found.begin(), found.end(), [](const Cost& a, const Cost& b) {
            return a.power == b.power && a.shortfall == b.shortfall;
        });
        if (i % 100 == 0) {
            progress.step();
        }
    }
    return {{"instances", instances}, {"equal", equal}};
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
    ExactFront exact{{.max_pairs = 50'000'000}};
    Nsga2 genetic{Nsga2::improved(100'000)};
    for (int seed = 0; seed < seeds; ++seed) {
        Arrivals arrivals{static_cast<std::uint64_t>(seed) + 500};
        AssignmentProblem problem = arrivals.problem(4, 3);
        for (std::size_t i = 4; i < 20; ++i) {
            problem.flows.push_back(problem.flows[i % 4]);
        }
        Random random{static_cast<std::uint64_t>(seed)};
        const double from = processor_us();
        const Deadline deadline{processor_clock, nullptr, processor_clock(nullptr) + 1000};
        std::vector<Assignment> warm = greedy_assignments(problem);
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

json assignment_paper(int seeds, int events) {
    constexpr int kBrute = 10'000;
    const int runs = std::min(seeds, 30);
    Progress progress{"paper 003, assignments",
                      6 * seeds + 6 * seeds + seeds + 14 * runs + kBrute / 100 + kBranchSteps};
    json result;
    result["approximation"] = approximation(seeds, progress);
    result["beyond_exact"] = beyond_exact(seeds, progress);
    result["brute_force"] = brute_force(kBrute, progress);
    result["event"] = drawn_event();
    result["millisecond"] = within_a_millisecond(seeds, progress);
    result["exact_times"] = exact_times(1000);
    result["branch"] = branch_searches(seeds, progress);
    result["long_run"] = long_runs(runs, events, progress);
    result["events"] = events;
    result["madm"] = disagreement(1000);
    return result;
}

}  // namespace homeward::papers
