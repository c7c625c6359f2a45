#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

#include "selection/catalogue.h"
#include "selection/selector.h"

namespace homeward::config {

/// What a selection engine is told of an uplink beyond what is measured; unknown is not zero.
struct EngineLink {
    selection::Known cost_per_mb;  ///< money, any unit that is the same on all uplinks
    selection::Known quota_mb;     ///< since the agent started
    selection::Known rate_mbps;    ///< what it carries, in place of what its signal tells
    std::uint32_t domain = 0;      ///< equal numbers share a subnet; 0: its own
};

/// Which flows an engine that looks at them is shown.
struct EngineFlows {
    double least_mbps = 0.05;  ///< those that ask for less are left to the default
    double memory_s = 30;      ///< how long a flow that fell silent, or an uplink grown too small, is not believed
    std::uint32_t most = selection::kMaxFlows;  ///< the heaviest; at most kMaxFlows
};

/// Which engine chooses uplinks, and all constants of all engines (docs/selection.md). Interfaces are numbered as
/// `uplinks` stand in the file, from 1.
struct Engine {
    std::string name;  ///< empty: none; signal thresholds and the order of `policy.default` decide
    std::uint64_t seed = 1;
    std::chrono::milliseconds interval{1000};  ///< between decisions; also the period that makes values stale
    std::chrono::microseconds deadline{750};   ///< of one decision
    std::uint32_t rate_memory_s = 300;         ///< what an uplink carried while it was full counts for so long
    selection::Selector::Settings selector;
    selection::EngineSettings settings;
    std::map<std::string, EngineLink> links;  ///< by the uplink's name
    EngineFlows flows;
    std::vector<selection::AppNeed> apps;         ///< of `closed-loop`
    std::vector<std::filesystem::path> training;  ///< traces of walks that `pmp` learns from before it starts
    std::filesystem::path state;                  ///< directory for what an engine learned; empty: it is forgotten
    std::string written;                          ///< the section as it stands in the file: equal means nothing changed
};

}  // namespace homeward::config
