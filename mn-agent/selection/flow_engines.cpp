#include "selection/flow_engines.h"

#include <algorithm>

#include "selection/candidates.h"
#include "selection/greedy_assignment.h"

namespace homeward::selection {
namespace {

/// Greed takes its time with many flows: then fewer weighings, from the whole spread.
std::size_t weighings_for(std::size_t flows) {
    constexpr std::size_t kFew = 24, kMany = 40;
    return flows <= kFew ? spread_of_weighings().size() : flows <= kMany ? 6 : 3;
}

}  // namespace

double SceneProblem::bandwidth(const Link& link) const {
    const Known measured = capacity_mbps(link, settings_.rates, settings_.signal_penalty);
    const double usual = settings_.usual_mbps[static_cast<std::size_t>(link.technology)];
    return std::max(measured.value_or(usual), 1e-3);
}

void SceneProblem::take(const Scene& scene) {
    problem_.interfaces.clear();
    problem_.flows.clear();
    links_.clear();
    for (const Link& link : scene.links) {
        if (!link.up) {
            continue;
        }
        auto* place = std::find_if(links_.begin(), links_.end(),
                                   [&](LinkKey key) { return key.interface == link.key.interface; });
        const auto number = static_cast<std::size_t>(place - links_.begin());
        const InterfaceOffer offer{bandwidth(link), usual_profile(link.technology), true, settings_.may_switch_off};
        if (place == links_.end()) {
            if (links_.push_back(link.key)) {
                problem_.interfaces.push_back(offer);
            }
        } else if (*place != scene.serving &&
                   (link.key == scene.serving || offer.mbps > problem_.interfaces[number].mbps)) {
            *place = link.key;
            problem_.interfaces[number] = offer;
        }
    }
    for (const Flow& flow : scene.flows) {
        const auto* place =
            std::find_if(links_.begin(), links_.end(), [&](LinkKey key) { return key.interface == flow.interface; });
        const bool carried = flow.interface != kNoInterface && place != links_.end();
        problem_.flows.push_back({flow.demand_mbps, flow.on_s, flow.off_s,
                                  carried ? static_cast<std::uint8_t>(place - links_.begin()) : kParked});
    }
}

Decision SceneProblem::decision(const Scene& scene, const Assignment& assignment) const {
    std::array<double, kMaxInterfaces> carried{};
    Decision decision = hold(scene);
    for (std::size_t i = 0; i < scene.flows.size(); ++i) {
        const InterfaceId to = assignment[i] == kParked ? kNoInterface : links_[assignment[i]].interface;
        if (assignment[i] != kParked) {
            carried[assignment[i]] += scene.flows[i].demand_mbps;
        }
        if (to != scene.flows[i].interface) {
            decision.moves.push_back({scene.flows[i].id, to});
        }
    }
    if (scene.alive() == nullptr && !links_.empty()) {
        std::size_t best = 0;
        for (std::size_t j = 1; j < links_.size(); ++j) {
            const bool more = carried[j] > carried[best];
            const bool wider =
                carried[j] == carried[best] && problem_.interfaces[j].mbps > problem_.interfaces[best].mbps;
            best = more || wider ? j : best;
        }
        const auto moves = decision.moves;
        decision = go(scene, links_[best], Reason::dead);
        decision.moves = moves;
    } else if (!decision.moves.empty()) {
        decision.reason = Reason::front;
    }
    return decision;
}

Decision MadmEngine::decide(const Scene& scene, Trigger /*trigger*/, const Deadline& /*deadline*/) {
    problem_.take(scene);
    if (problem_.problem().interfaces.empty()) {
        return hold(scene, Reason::no_candidate);
    }
    Decision decision =
        problem_.decision(scene, assign_by_madm(problem_.problem(), settings_.method, settings_.weights));
    decision.reason = decision.reason == Reason::front ? Reason::better : decision.reason;
    return decision;
}

ParetoEngine::ParetoEngine(const Settings& settings, std::uint64_t seed)
    : settings_(settings),
      random_(seed),
      problem_(settings.offers),
      with_moves_(settings.with_moves),
      exact_(settings.exact),
      branch_(settings.branch),
      genetic_(settings.genetic) {
    warm_.reserve(settings.genetic.population + kMaxInterfaces + 32);
    front_.reserve(ExactFront::kMostPoints);
}

/// Where flows are now, everything on one interface, what greed finds by many weighings, and each flow alone moved from
/// where it is: close to what a good front holds.
void ParetoEngine::warm_starts(const Deadline& deadline) {
    const AssignmentProblem& problem = problem_.problem();
    model_.prepare(problem, false);
    warm_.clear();
    const std::span<const double> spread = spread_of_weighings();
    const std::size_t count = weighings_for(problem.flows.size());
    for (std::size_t i = 0; i < count && (i == 0 || !deadline.passed()); ++i) {
        warm_.push_back(assign_greedily(model_, spread[i * (spread.size() - 1) / (count - 1)]));
    }
    Assignment now = warm_.back();
    for (std::size_t i = 0; i < problem.flows.size(); ++i) {
        now[i] = problem.flows[i].previous == kParked ? now[i] : problem.flows[i].previous;
    }
    warm_.push_back(now);
    for (std::uint8_t j = 0; j < problem.interfaces.size(); ++j) {
        Assignment all = now;
        all.fill(j);
        warm_.push_back(all);
    }
    for (std::size_t i = 0; i < problem.flows.size(); ++i) {
        for (std::uint8_t j = 0; j < problem.interfaces.size(); ++j) {
            if (j != now[i] && warm_.size() < settings_.genetic.population) {
                warm_.push_back(now);
                warm_.back()[i] = j;
            }
        }
    }
}

/// What the search left goes in front of all other starts: it is their front, and more.
void ParetoEngine::start_from_branch() {
    const std::size_t room = settings_.genetic.population;
    const std::size_t taken = std::min(branch_.size(), room);
    warm_.resize(std::min(warm_.size(), room - taken));
    for (std::size_t i = 0; i < taken; ++i) {
        warm_.push_back(branch_.assignment(i));
    }
}

template <typename Front>
Assignment ParetoEngine::pick(const Front& front, const Scene& scene) {
    front_.clear();
    for (std::size_t i = 0; i < front.size(); ++i) {
        front_.push_back(front.cost(i).objectives());
    }
    return front.assignment(choose(front_, settings_.choice, scene.demand_mbps(), scene.device.battery));
}

Assignment ParetoEngine::assign(const Scene& scene, const Deadline& deadline) {
    const AssignmentProblem& problem = problem_.problem();
    if (with_moves_.solve(problem, true, deadline)) {
        return pick(with_moves_, scene);
    }
    if (exact_.solve(problem, false, deadline)) {
        return pick(exact_, scene);
    }
    // The first and the last generation take as long as they take.
    constexpr std::uint64_t kUsPerFlow = 4;
    const Deadline sooner = deadline.sooner(kUsPerFlow * problem.flows.size());
    warm_starts(sooner);
    if (branch_.solve(problem, warm_, sooner)) {
        return pick(branch_, scene);
    }
    start_from_branch();
    genetic_.solve(problem, warm_, random_, sooner);
    return pick(genetic_, scene);
}

Decision ParetoEngine::decide(const Scene& scene, Trigger /*trigger*/, const Deadline& deadline) {
    problem_.take(scene);
    if (problem_.problem().interfaces.empty()) {
        return hold(scene, Reason::no_candidate);
    }
    Decision decision = problem_.decision(scene, assign(scene, deadline));
    decision.front = front_;
    return decision;
}

}  // namespace homeward::selection
