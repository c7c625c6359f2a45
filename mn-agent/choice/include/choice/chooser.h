#pragma once

#include <array>
#include <chrono>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "choice/plan.h"
#include "selection/selector.h"

namespace homeward::choice {

/// What does not change of an uplink.
struct Uplink {
    policy::Label label = 0;
    selection::Technology technology = selection::Technology::wlan;
    std::uint32_t domain = 0;
    selection::Known cost_per_mb, quota_mb;
};

/// An uplink at one moment. `usable`: its binding stands and packets may leave by it.
struct UplinkSeen {
    bool usable = false;
    selection::Bssid bssid = 0;
    double carried_mb = 0;  ///< since the agent started
    double bound_mbps = 0;  ///< of its rate: taken by flows that no engine may move
    selection::Known rssi_dbm, snr_db, rtt_ms, loss, rate_mbps;
};

/// A flow at one moment.
struct FlowSeen {
    std::uint32_t id = 0;
    FlowEnd end;
    policy::Label uplink = 0;  ///< that carries it; 0: none does
    double demand_mbps = 0;
    double on_s = 1, off_s = 1;
};

/// One decision that changed something.
struct Record {
    selection::Seconds at = 0;
    policy::Label from = 0, to = 0;  ///< 0: none
    selection::Reason reason{};
    double confidence = 1;
    std::uint32_t flows = 0;  ///< moved with it
    std::chrono::nanoseconds took{};
};

/// Stands between the agent and a selection engine: turns what is known of uplinks and flows into observations, and
/// decisions into a plan for the policy. Interfaces are numbered as uplinks stand, from 1; an uplink is one link, by
/// the access point that it is associated with.
///
/// Neither `observe` nor `decide` allocates. The clocks are for deadline and statistics; the caller gives the time.
class Chooser {
  public:
    struct Settings {
        selection::Selector::Settings selector;
        std::chrono::microseconds deadline{750};
        selection::Deadline::Clock clock = monotonic_us;  ///< that the deadline is on
    };
    /// Of std::chrono::steady_clock.
    static std::uint64_t monotonic_us(void* context);

    Chooser(std::unique_ptr<selection::Engine> engine, const Settings& settings, std::vector<Uplink> uplinks);

    /// The default's order as it is written; uplinks that it does not name are not chosen.
    void set_order(const policy::LabelList& written) { written_ = written; }
    /// Begins with the plan of the engine before, so that nothing moves before this one decides.
    void adopt(const Plan& plan) { plan_ = plan; }
    /// The rules for flows could not be put in force.
    void drop_flows() { plan_.flows.clear(); }
    /// `seen` has one item for each uplink; those beyond selection::kMaxFlows of `flows` are left out.
    void observe(selection::Seconds now, std::span<const UplinkSeen> seen, std::span<const FlowSeen> flows,
                 const std::optional<selection::Position>& position, const std::optional<selection::Device>& device);
    /// True: the plan changed and is to be put in force. A flow that is seen no more loses its rule.
    bool decide(selection::Seconds now, selection::Trigger trigger);
    /// The plan is in force at both ends, or (not `done`) could not be put in force.
    void executed(selection::Seconds now, bool done);
    void feedback(const selection::Score& score, selection::Seconds now) { selector_.feedback(score, now); }

    const Plan& plan() const { return plan_; }
    const selection::Engine& engine() const { return selector_.engine(); }
    selection::Engine& engine() { return selector_.engine(); }
    /// As the engine saw them last.
    std::span<const FlowSeen> flows() const { return {flows_.begin(), flows_.end()}; }
    /// The uplink that carries what no rule names; 0: none.
    policy::Label serving() const;
    /// Why the last decision was as it was, changed or not.
    selection::Reason last_reason() const { return last_reason_; }

    std::uint64_t decisions() const { return decisions_; }
    std::uint64_t changes() const { return changes_; }
    /// Newest last.
    std::vector<Record> records() const;
    /// Of the last kTimes decisions; the part is 0 to 1.
    std::chrono::nanoseconds time_at(double part) const;

    static constexpr std::size_t kRecords = 32;
    static constexpr std::size_t kTimes = 1024;

  private:
    void add_link(std::size_t slot, const UplinkSeen& seen);
    std::size_t slot_of(policy::Label label) const;
    bool take_moves(const selection::Decision& decision);
    bool forget_gone_flows();

    selection::Selector selector_;
    std::chrono::microseconds deadline_;
    selection::Deadline::Clock clock_;
    std::vector<Uplink> uplinks_;
    policy::LabelList written_;
    Plan plan_;

    selection::Observation seen_;
    selection::Bounded<FlowSeen, selection::kMaxFlows> flows_;
    std::vector<selection::Bssid> bssids_;
    std::vector<bool> usable_;
    selection::Reason last_reason_{};
    selection::LinkKey pending_;

    std::array<Record, kRecords> records_{};
    std::array<std::chrono::nanoseconds, kTimes> times_{};
    std::uint64_t decisions_ = 0, changes_ = 0;
};

}  // namespace homeward::choice
