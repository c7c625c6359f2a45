#pragma once

#include <optional>
#include <vector>

#include "selection/hmm.h"
#include "selection/observation.h"

namespace homeward::selection {

/// Metres east and north of an origin.
struct Point {
    double east = 0;
    double north = 0;
};
double distance(const Point& a, const Point& b);

/// A local plane about an origin; good for some kilometres.
class Plane {
  public:
    Plane(double latitude, double longitude);
    Point point(const Position& position) const;
    Position position(const Point& point) const;

  private:
    double latitude_;
    double longitude_;
    double metres_per_longitude_;
};

/// A known path cut into cells of equal length. A cell's centre moves to the mean of the fixes seen in it.
class PathMap {
  public:
    /// `waypoints`: two or more, not all in one place. At most `max_cells` cells: longer paths get longer cells.
    PathMap(std::vector<Point> waypoints, double cell_m, double reach_m, std::size_t max_cells = 128);

    std::size_t cells() const { return centres_.size(); }
    double cell_m() const { return cell_m_; }
    /// The cell of the nearest point of the path; none farther away than the reach.
    std::optional<Hmm::Index> cell_of(const Point& point) const;
    const Point& centre(Hmm::Index cell) const { return centres_[cell].mean; }
    void add_fix(Hmm::Index cell, const Point& point);
    /// The centres, and them again; false leaves them undefined.
    void save(std::vector<double>& numbers) const;
    bool load(NumberReader& numbers);

  private:
    struct Centre {
        Point mean;
        double fixes = 0;
    };
    Point at(double along) const;

    std::vector<Point> waypoints_;
    std::vector<double> along_;  // metres to each waypoint
    double cell_m_;
    double reach_m_;
    std::vector<Centre> centres_;
};

}  // namespace homeward::selection
