#pragma once

#include "selection/engine.h"
#include "selection/mobility_model.h"
#include "selection/strongest_signal.h"

namespace homeward::selection {

/// Where access points are and which way people walk, as a controller tells.
struct SiteMap {
    double latitude = 0;  // of the origin of all points
    double longitude = 0;
    std::vector<Point> path;
    std::vector<AccessPoint> points;
};

/// Chooses the access point that the mobility model sees ahead. Without a position, by signal.
class Pmp final : public Engine {
  public:
    struct Settings {
        MobilityModel::Settings model;
        SiteMap site;
        std::size_t lookahead = 1;    // periods predicted, 1 … 10
        Seconds period_s = 5;         // between two fixes
        double join_dbm = -82;        // an access point that is seen weaker is not joined
        double accuracy_m = 30;       // a worse fix is none
        std::size_t coast_steps = 3;  // periods without a fix that predictions stand in for
        bool learn_online = false;
        StrongestSignal::Settings without_position;
    };

    explicit Pmp(const Settings& settings);

    std::string_view name() const override { return "pmp"; }
    void observe(const Scene& scene) override;
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;

    std::vector<double> snapshot() const override { return model_.snapshot(); }
    bool restore(std::span<const double> learned) override { return model_.restore(learned); }

    Seconds next_fix() const override { return next_; }
    MobilityModel& model() { return model_; }
    const Plane& plane() const { return plane_; }
    /// Where the node is thought to be after 1, 2, … periods from the last fix.
    std::span<const Hmm::Index> predicted() const { return {ahead_.begin(), ahead_.size()}; }

  private:
    void take_fix(const Point& fix, Seconds now);
    void coast(Seconds now);
    void look_ahead(Hmm::Index cell);
    void push(Hmm::Index cell);
    std::optional<std::size_t> target_in(const Scene& scene);

    Settings settings_;
    Plane plane_;
    MobilityModel model_;
    StrongestSignal by_signal_;
    HeadingSense heading_;
    static constexpr std::size_t kMaxWindow = 32;
    Bounded<Hmm::Index, kMaxWindow> recent_;
    Bounded<Hmm::Index, 16> ahead_;
    std::optional<Point> off_path_;
    Seconds fixed_ = -1e18;     // of the last fix taken
    Seconds next_ = -1e18;      // when the next is due
    Seconds measured_ = -1e18;  // time stamp of the position last looked at
    std::size_t coasted_ = 0;
    bool located_ = false;
};

}  // namespace homeward::selection
