#pragma once

#include <array>
#include <string>
#include <vector>

#include "selection/assignment.h"
#include "selection/branch_front.h"
#include "selection/engine.h"
#include "selection/exact_front.h"
#include "selection/front_choice.h"
#include "selection/madm.h"
#include "selection/nsga2.h"
#include "selection/radio.h"

namespace homeward::selection {

/// What an assignment needs to know of the links beyond what is measured.
struct OfferSettings {
    /// Bandwidth of a link of which nothing is known, Mbps: wired, WLAN, UMTS, LTE, NR.
    std::array<double, 5> usual_mbps{100, 5, 1, 10, 50};
    /// Trust in a bandwidth derived from signal strength.
    double signal_penalty = 0.5;
    bool may_switch_off = false;
    RateModel rates;
};

/// The scene as an assignment problem: one offer for each interface that is up, by its best link.
class SceneProblem {
  public:
    explicit SceneProblem(const OfferSettings& settings) : settings_(settings) {}

    void take(const Scene& scene);
    const AssignmentProblem& problem() const { return problem_; }
    /// Moves of flows whose interface differs, and a serving link; nothing else.
    Decision decision(const Scene& scene, const Assignment& assignment) const;

  private:
    double bandwidth(const Link& link) const;

    OfferSettings settings_;
    AssignmentProblem problem_;
    Bounded<LinkKey, kMaxInterfaces> links_;
};

/// SAW, MEW, TOPSIS, and SAW with weights by AHP.
class MadmEngine final : public Engine {
  public:
    struct Settings {
        MadmMethod method = MadmMethod::saw;
        MadmWeights weights;
        OfferSettings offers;
    };

    MadmEngine(std::string name, const Settings& settings)
        : name_(std::move(name)), settings_(settings), problem_(settings.offers) {}

    std::string_view name() const override { return name_; }
    FlowInterest flow_interest() const override { return FlowInterest::assigned; }
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;

  private:
    std::string name_;
    Settings settings_;
    SceneProblem problem_;
};

/// Assigns flows to interfaces by a point of the Pareto front: exact while that fits, else by NSGA-II from what branch
/// and bound left.
class ParetoEngine final : public Engine {
  public:
    struct Settings {
        ChoiceSettings choice;
        OfferSettings offers;
        /// Exact with moves as a third objective, exact without, branch and bound, genetic: the first that ends. 7
        /// flows on 4 interfaces are 4,500 pairs, a tenth of a millisecond with moves; 8 are 13,400, a seventh without.
        ExactFront::Settings with_moves{.max_pairs = 6'000};
        ExactFront::Settings exact{.max_pairs = 15'000};
        BranchFront::Settings branch;
        Nsga2::Settings genetic = Nsga2::improved(40);
    };

    ParetoEngine(const Settings& settings, std::uint64_t seed);

    std::string_view name() const override { return "pareto"; }
    FlowInterest flow_interest() const override { return FlowInterest::assigned; }
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;

  private:
    void warm_starts(const Deadline& deadline);
    void start_from_branch();
    template <typename Front>
    Assignment pick(const Front& front, const Scene& scene);
    Assignment assign(const Scene& scene, const Deadline& deadline);

    Settings settings_;
    Random random_;
    SceneProblem problem_;
    ExactFront with_moves_;
    ExactFront exact_;
    BranchFront branch_;
    Nsga2 genetic_;
    CostModel model_;
    std::vector<Assignment> warm_;
    std::vector<Objectives> front_;
};

}  // namespace homeward::selection
