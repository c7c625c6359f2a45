#pragma once

#include <array>
#include <optional>
#include <span>
#include <vector>

#include "selection/heading.h"
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
///
/// In the first model a place is a cell; with `second_order` a cell and the heading in which it was reached, so that
/// who walks back is expected to go on walking back. While the heading is not known the cell alone is what is observed.
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
        bool second_order = true;
        double turn_m = 10;  // back from the farthest point reached: that is a turn
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
    /// `heading` counts where the model is of second order; see `sense`.
    bool predict(Index now, Heading heading, std::span<Index> cells);
    bool predict(Index now, std::span<Index> cells) { return predict(now, Heading::unknown, cells); }
    /// A new sense of the heading that `predict` asks for, for cells of this path.
    HeadingSense sense() const { return HeadingSense{turn_cells_}; }
    /// The access point at the end of `cells`; only those allowed (empty: all).
    std::optional<std::size_t> target(std::span<const Index> cells, std::span<const bool> allowed = {});
    std::size_t nearest(const Point& point) const;

    const PathMap& map() const { return map_; }
    const std::vector<AccessPoint>& points() const { return points_; }
    const Settings& settings() const { return settings_; }

  private:
    std::optional<Index> count(const Point& fix, Index label);
    void count_cell(Index cell, Index label);
    void count_place(Index cell);
    /// The places that a cell may be, reached in this heading: two where it is not known.
    Bounded<Index, 2> places_of(Index cell, Heading heading) const;
    Heading heading_of(Index place) const { return place < map_.cells() ? Heading::forward : Heading::backward; }
    /// What is observed in a cell, reached in this heading.
    Index symbol_of(Index cell, Heading heading) const;
    void update_place(Index cell);
    void start_second();
    bool load(NumberReader& numbers);

    Settings settings_;
    PathMap map_;
    std::vector<AccessPoint> points_;
    int turn_cells_;
    Hmm places_;
    Hmm access_;
    HeadingSense counted_;
    bool before_ = false;  // was there a cell before the last one
    std::optional<Index> last_;
    Heading last_heading_ = Heading::unknown;
    std::optional<Index> last_label_;
    std::array<Index, Hmm::kMaxLength> symbols_{};
    std::array<Index, Hmm::kMaxLength> decoded_{};
};

}  // namespace homeward::selection
