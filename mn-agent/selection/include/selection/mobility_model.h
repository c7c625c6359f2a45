#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "selection/hmm.h"
#include "selection/path_map.h"

namespace homeward::selection {

/// An access point that a controller told about.
struct AccessPoint {
    LinkKey key;
    Point place;
};

/// Progressive mobility prediction (Yap et al.): one hidden Markov model from where the node is to where it will be, a
/// second one from places to access points.
class MobilityModel {
  public:
    using Index = Hmm::Index;
    struct Settings {
        double cell_m = 5;
        double reach_m = 15;  // a fix farther off the path is in no cell
        double epsilon_place = 1e-3;
        double epsilon_point = 1e-2;
        std::size_t window = 10;  // cells that the second model looks back
        double prior_m = 27.5;    // spread of an access point before training
        double prior_self = 0.9;  // probability of staying with it
        double prior_weight = 1;  // of what is known before training, in fixes
        double keep = 0.995;      // of old counts when a cell is visited again, while learning online
    };

    MobilityModel(const Settings& settings, const std::vector<Point>& path, std::vector<AccessPoint> points);

    /// Supervised: fixes of one walk, one each period. Labels are the access points nearest to them.
    void train(std::span<const Point> walk);
    /// As `train`, with labels given: numbers of access points.
    void train(std::span<const Point> walk, std::span<const Index> labels);
    /// Online: one more fix; old counts fade. Called with every fix, in order.
    void learn(const Point& fix);
    /// The walk that `learn` follows is interrupted.
    void restart();
    /// An access point was moved.
    void place_point(std::size_t point, const Point& place);

    /// All that was learned, and where access points are.
    std::vector<double> snapshot() const;
    /// False, and nothing changes, when that is no snapshot of a model of the same path and as many access points.
    bool restore(std::span<const double> learned);

    /// The cells of the next periods, one for each place in `cells`, from the cell where the node is. False: nothing is
    /// known of what follows.
    bool predict(Index now, std::span<Index> cells);
    /// The access point at the end of `cells`; only those allowed (empty: all).
    std::optional<std::size_t> target(std::span<const Index> cells, std::span<const bool> allowed = {});
    std::size_t nearest(const Point& point) const;

    const PathMap& map() const { return map_; }
    const std::vector<AccessPoint>& points() const { return points_; }
    const Settings& settings() const { return settings_; }

  private:
    std::optional<Index> count(const Point& fix, Index label);
    void count_cell(Index cell, Index label);
    void start_second();
    bool load(NumberReader& numbers);

    Settings settings_;
    PathMap map_;
    std::vector<AccessPoint> points_;
    Hmm places_;
    Hmm access_;
    std::optional<Index> before_;  // the two cells before the one that is counted
    std::optional<Index> last_;
    std::optional<Index> last_label_;
    std::array<Index, Hmm::kMaxLength> symbols_{};
    std::array<Index, Hmm::kMaxLength> decoded_{};
};

}  // namespace homeward::selection
