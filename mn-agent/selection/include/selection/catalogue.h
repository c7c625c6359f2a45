#pragma once

#include <memory>
#include <span>
#include <string_view>

#include "selection/closed_loop.h"
#include "selection/conventional.h"
#include "selection/flow_engines.h"
#include "selection/heuristic.h"
#include "selection/hybrid.h"
#include "selection/manual.h"
#include "selection/pmp.h"
#include "selection/signal_handover.h"
#include "selection/static_preference.h"
#include "selection/strongest_signal.h"
#include "selection/supplicant_ladder.h"

namespace homeward::selection {

/// Settings of all engines; one of them is made.
struct EngineSettings {
    StaticPreference::Settings fixed;
    StrongestSignal::Settings strongest;
    Conventional::Settings conventional;
    SupplicantLadder::Settings ladder;
    Heuristic::Settings heuristic;
    Manual::Settings manual;
    SignalHandover::Settings handover;
    ClosedLoop::Settings closed_loop;
    Pmp::Settings pmp;
    Hybrid::Settings hybrid;
    ParetoEngine::Settings pareto;
    MadmEngine::Settings madm;
    /// How much more one attribute matters than another for `ahp`: bandwidth, power, moves.
    PairwiseMatrix judgements = usual_judgements();

    static PairwiseMatrix usual_judgements();
};

/// Every name that `make_engine` knows.
std::span<const std::string_view> engine_names();

/// Null: no engine has the name, or it lacks what it cannot do without: `pmp` access points and a path of two places,
/// `ahp` judgements that do not contradict each other.
std::unique_ptr<Engine> make_engine(std::string_view name, const EngineSettings& settings, std::uint64_t seed);

}  // namespace homeward::selection
