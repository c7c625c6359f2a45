#pragma once

#include <array>

#include "selection/engine.h"
#include "selection/link_table.h"
#include "selection/pmp.h"
#include "selection/radio.h"

namespace homeward::selection {

/// Position and velocity from noisy fixes (an α-β filter).
class TrackFilter {
  public:
    struct Settings {
        double alpha = 0.5;
        double beta = 0.1;
        Seconds gap_s = 12;  // after a longer silence it starts anew
    };

    explicit TrackFilter(const Settings& settings) : settings_(settings) {}
    void fix(const Point& measured, Seconds now);
    bool started() const { return started_; }
    /// Where the node is thought to be at `when`.
    Point at(Seconds when) const;
    double speed_mps() const;
    /// Not older than the gap after which it starts anew.
    bool fresh(Seconds now) const { return started_ && now - at_ <= settings_.gap_s; }

  private:
    Settings settings_;
    Point place_;
    Point velocity_;
    Seconds at_ = 0;
    bool started_ = false;
    bool moving_ = false;
};

/// Signal and position together: each access point's signal is extrapolated along the way the node goes, and the one
/// that will have carried most at the horizon wins, when it makes up for the handover.
///
/// What a signal is above or below the path loss model (shadowing) fades as the node walks away from where it was
/// measured. Steps of the rate table are smoothed by what is not known of the signal.
class Hybrid final : public Engine {
  public:
    struct Settings {
        SiteMap site;
        TrackFilter::Settings track;
        PathLoss path_loss;
        RateModel rates;
        double gain = 0.3;  // of the newest sample in a smoothed signal, at one a second
        Seconds horizon_s = 8;
        double margin = 0.15;       // part of the serving link's share that another has to be better by
        Seconds dead_s = 1;         // of traffic that a handover costs
        double shadow_m = 10;       // distance over which shadowing fades to 1/e
        double uncertainty_db = 3;  // standard deviation of a predicted signal
        double accuracy_m = 30;
        /// Where fixes are as the track has them the time to the next doubles, from the least to this; 0: every fix is
        /// taken.
        Seconds fix_most_s = 0;
        Seconds fix_least_s = 5;
        double fix_error_m = 10;  // off the track that is no longer as expected
    };

    explicit Hybrid(const Settings& settings);

    std::string_view name() const override { return "hybrid"; }
    void observe(const Scene& scene) override;
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;

    Seconds next_fix() const override { return next_fix_; }
    const TrackFilter& track() const { return track_; }
    /// Megabits that the link is expected to carry until the horizon; unknown without a signal.
    Known expected_mb(const Scene& scene, const Link& link) const;

  private:
    static TrackFilter::Settings with_gap(const Settings& settings);
    void take_fix(const Position& position);
    double smooth_goodput(double rssi_dbm) const;
    const AccessPoint* find(LinkKey key) const;

    Settings settings_;
    Plane plane_;
    TrackFilter track_;
    LinkTable<Smoothed> levels_;
    std::array<double, 401> goodput_{};  // by dBm, −120 … −20 in quarters
    Seconds measured_ = -1e18;
    Seconds sampled_ = -1e18;
    Seconds next_fix_ = -1e18;
    Seconds pause_ = 0;  // to it
};

}  // namespace homeward::selection
