#pragma once

#include <array>
#include <optional>

#include "selection/engine.h"
#include "selection/link_table.h"
#include "selection/preference.h"
#include "selection/radio.h"

namespace homeward::selection {

/// What an application needs, as the user listed it.
struct AppNeed {
    std::uint16_t app = 0;
    bool time_critical = false;
    double mbps = 0.5;
    double continuity = 0.5;  // 0 … 1
};

/// What the last handover changed; each 0 … 1, more is better.
struct Consequence {
    LinkKey from;
    LinkKey to;
    Seconds at = 0;
    std::array<double, 3> before{};  // performance, energy, cost
    std::array<double, 3> after{};
    bool measured = false;  // `after` is what came, not what was expected
};

/// Handoff in a closed loop with the user (Liu et al. 2014): the user's scores shape the utility of links and how long
/// a handover waits for a gap in the applications' traffic. The paper's formulas are lost; these are reconstructions.
class ClosedLoop final : public Engine {
  public:
    struct Settings {
        Preference::Settings preference;
        /// A link has to be better by this much, times 1 + η.
        double gain = 0.05;
        Seconds wait_max_s = 30;
        double least_mbps = 1;
        double weak_dbm = -85;  // admissible above weak + α·weak_alpha
        double weak_alpha_db = 10;
        double weak_hysteresis_db = 6;  // the serving link may be weaker by this
        double signal_gain = 0.2;       // of the newest sample in the smoothed signal
        double loss_max = 0.3;
        Seconds cancel_s = 2;
        /// Parts of an interruption's cost: continuity, time-critical, an open flow.
        std::array<double, 3> open_weights{0.5, 0.3, 0.2};
        AppNeed unknown_app;
        /// Active watts by technology: wired, WLAN, UMTS, LTE, NR.
        std::array<double, 5> watts{0.1, 0.536, 0.93, 1.2, 1.5};
        double rate_gain = 0.3;
        Seconds rate_memory_s = 600;  // a rate measured longer ago says nothing
        double signal_penalty = 0.5;
        Seconds jump_s = 10;         // a clock that jumps further drops what waits
        Seconds consequence_s = 10;  // after a handover, until what it changed is measured
        /// Flows survive a handover, as in the tunnel: nothing waits.
        bool flows_survive = false;
        RateModel rates;
    };

    explicit ClosedLoop(const Settings& settings);

    std::string_view name() const override { return "closed-loop"; }
    FlowInterest flow_interest() const override { return FlowInterest::open; }
    void observe(const Scene& scene) override;
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;
    void report(const Outcome& outcome) override;
    void feedback(const Score& score, Seconds now) override;
    std::vector<double> snapshot() const override;
    bool restore(std::span<const double> learned) override;

    /// Adds or replaces an application's needs. False: the list is full or a value is out of range.
    bool list_app(const AppNeed& need);
    void unlist_app(std::uint16_t app);
    const Preference::Vector& preference() const { return preference_.vector(); }
    /// The requirements in force; follow the preference one at a time, as the paper's algorithm does.
    const Preference::Vector& policy() const { return policy_; }
    const std::optional<Consequence>& consequence() const { return consequence_; }
    /// How long a handover that is wanted now would wait.
    Seconds wait_s(const Scene& scene) const;

  private:
    struct Rate {
        Smoothed mbps;
        Seconds at = 0;
    };
    struct Worth {
        double performance = 0, energy = 0, offloading = 0;
    };
    struct Waiting {
        LinkKey target;
        Seconds until = 0;
        Seconds last_wanted = 0;
        double openness = 0;
    };

    const AppNeed& need_of(std::uint16_t app) const;
    double capacity(const Link& link) const;
    double joules_per_mb(const Link& link) const;
    Worth worth(const Scene& scene, const Link& link) const;
    double utility(const Worth& worth) const;
    bool admissible(const Link& link, bool serving) const;
    Known signal(const Link& link) const;
    const Link* best(const Scene& scene) const;
    double openness(const Scene& scene) const;
    std::uint64_t context_of(const Scene& scene) const;
    void follow_preference(const Scene& scene);
    Decision wait_or_go(const Scene& scene, const Link& target);
    Decision change(const Scene& scene, const Link& target, Reason reason);
    void measure(const Scene& scene);

    Settings settings_;
    Preference preference_;
    Preference::Vector policy_;
    Bounded<AppNeed, 64> apps_;
    LinkTable<Rate> rates_;
    LinkTable<Smoothed> signals_;
    Seconds now_ = 0;
    std::optional<Waiting> waiting_;
    std::optional<Consequence> consequence_;
    std::optional<Seconds> last_;
    std::uint64_t context_ = 0;
    bool scored_ = false;
};

}  // namespace homeward::selection
