#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace homeward::papers {

/// A bar on a terminal's standard error; nothing elsewhere.
class Progress {
  public:
    Progress(std::string name, int steps);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void step();

  private:
    void draw() const;

    std::string name_;
    int steps_;
    int done_ = 0;
    bool terminal_;
};

/// Paper 000: two networks at once and handover between them, packet by packet.
nlohmann::json multihoming_paper(int seeds);
/// Paper 001: the closed loop beside the heuristic and manual switching, `seeds` weeks of five users.
nlohmann::json closed_loop_paper(int seeds);
/// Paper 002: mobility prediction on `seeds` walks.
nlohmann::json mobility_paper(int seeds);
/// Paper 003: assignment of flows, `seeds` runs of arrivals, of them long ones of `events` each.
nlohmann::json assignment_paper(int seeds, int events);
/// Of paper 003: `seeds` runs of `events` arrivals each, under every way to assign.
nlohmann::json long_runs(int seeds, int events, Progress& progress);
/// Of paper 003: branch and bound with 13 to 20 distinct flows; steps kBranchSteps times.
nlohmann::json branch_searches(int seeds, Progress& progress);
inline constexpr int kBranchSteps = 12;
/// Microseconds of decisions of every engine in a busy surrounding, with a deadline.
nlohmann::json decision_times(int decisions);
/// The same through what the agent has around the engine: what is seen in, a plan for the policy out.
nlohmann::json agent_decision_times(int decisions);

}  // namespace homeward::papers
