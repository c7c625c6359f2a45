#include "arrivals.h"
#include "front_costs.h"
#include "papers.h"
#include "processor_time.h"
#include "selection/branch_front.h"
#include "selection/front_quality.h"
#include "selection/greedy_assignment.h"
#include "selection/nsga2.h"

namespace homeward::papers {
namespace {

using namespace homeward::selection;
using nlohmann::json;

constexpr std::uint32_t kLarge = 300'000;     // nodes: some tens of milliseconds
constexpr std::uint32_t kWhole = 50'000'000;  // ends wherever a reference is needed
constexpr std::uint64_t kBudgetUs = 1000;

/// Does the search end, and how long does it take, from greedy starts.
json searches(std::size_t flows, std::size_t interfaces, std::uint32_t nodes, int seeds) {
    json rows{{"flows", flows}, {"interfaces", interfaces}, {"budget", nodes}};
    BranchFront branch{{.max_nodes = nodes}};
    for (int seed = 0; seed < seeds; ++seed) {
        Arrivals arrivals{static_cast<std::uint64_t>(seed) + 40'000};
        const AssignmentProblem problem = arrivals.problem(flows, interfaces);
        const std::vector<Assignment> starts = greedy_assignments(problem);
        const double from = processor_us();
        rows["ended"].push_back(branch.solve(problem, starts, {}) ? 1 : 0);
        rows["us"].push_back(processor_us() - from);
        rows["nodes"].push_back(branch.nodes());
    }
    return rows;
}

/// What a millisecond comes to with and without a search before NSGA-II, of the hypervolume of the exact front.
json within_a_millisecond(std::size_t flows, std::size_t interfaces, int seeds) {
    json rows{{"flows", flows}, {"interfaces", interfaces}};
    BranchFront whole{{.max_nodes = kWhole}};
    BranchFront branch{{}};
    Nsga2 genetic{Nsga2::improved(100'000)};
    for (int seed = 0; seed < seeds; ++seed) {
        Arrivals arrivals{static_cast<std::uint64_t>(seed) + 50'000};
        const AssignmentProblem problem = arrivals.problem(flows, interfaces);
        const std::vector<Assignment> greedy = greedy_assignments(problem);
        if (!whole.solve(problem, greedy, {})) {
            continue;
        }
        const std::vector<Cost> exact = costs_of(whole);
        for (const bool searched : {false, true}) {
            const Deadline deadline{processor_clock, nullptr, processor_clock(nullptr) + kBudgetUs};
            std::vector<Assignment> starts = greedy_assignments(problem);
            const bool ended = searched && branch.solve(problem, starts, deadline);
            for (std::size_t i = 0; searched && i < branch.size(); ++i) {
                starts.insert(starts.begin(), branch.assignment(i));
            }
            Random random{static_cast<std::uint64_t>(seed)};
            if (!ended) {
                genetic.solve(problem, starts, random, deadline);
            }
            const std::vector<Cost> found = ended ? costs_of(branch) : costs_of(genetic);
            rows[searched ? "searched" : "genetic"].push_back(front_quality(found, exact).hypervolume);
        }
    }
    return rows;
}

}  // namespace

json branch_searches(int seeds, Progress& progress) {
    json result{{"searches", json::array()}, {"millisecond", json::array()}};
    const std::uint32_t usual = BranchFront::Settings{}.max_nodes;
    for (const std::size_t interfaces : {2U, 3U, 4U}) {
        for (const std::size_t flows : {13U, 16U, 20U}) {
            for (const std::uint32_t nodes : {usual, kLarge}) {
                result["searches"].push_back(searches(flows, interfaces, nodes, seeds));
            }
            progress.step();
        }
    }
    for (const std::size_t flows : {13U, 16U, 20U}) {
        result["millisecond"].push_back(within_a_millisecond(flows, 3, seeds));
        progress.step();
    }
    return result;
}

}  // namespace homeward::papers
