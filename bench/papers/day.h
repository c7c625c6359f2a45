#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "selection/radio.h"
#include "selection/random.h"

namespace homeward::papers {

using selection::Known;

/// Eight kinds of applications, as the paper counts eight; the numbers are ours.
struct App {
    const char* name;
    double sessions_per_day;
    double mbps;
    double duration_s;
    bool time_critical;
    double continuity;
};
inline constexpr std::array<App, 8> kApps{{{"video", 3, 2.0, 1800, true, 0.9},
                                           {"web", 30, 0.4, 90, false, 0.2},
                                           {"mail", 24, 0.2, 15, false, 0.1},
                                           {"music", 2, 0.3, 1200, false, 0.6},
                                           {"social", 30, 0.5, 120, false, 0.2},
                                           {"game", 4, 0.1, 600, true, 0.9},
                                           {"voice", 3, 0.1, 240, true, 1.0},
                                           {"download", 2, 4.0, 120, false, 0.4}}};

/// A value that wanders about zero (Ornstein–Uhlenbeck, one step a second).
class Wandering {
  public:
    Wandering(double spread, double memory_s);
    double next(selection::Random& random);

  private:
    double spread_;
    double keep_;
    double value_ = 0;
};

struct Session {
    std::size_t app;
    double until;
};

/// What surrounds one user for one second.
struct Moment {
    Known home_dbm, office_dbm, street_dbm;
    double home_mbps = 0, office_mbps = 0, street_mbps = 0;
    double cellular_dbm = -85;
    double cellular_mbps = 1;
    std::vector<Session> sessions;
};

/// A user's day: home, commute, office, commute, home; rooms change the signal, neighbours the rate. The same seed is
/// the same day for every method.
class Day {
  public:
    explicit Day(std::uint64_t seed);
    /// The next second; called for 0, 1, 2, …
    const Moment& next(int second);

  private:
    double load_factor();
    void street(bool indoors);
    void sessions(int second);

    selection::Random random_;
    Moment moment_;
    int leave_ = 0, back_ = 0, left_ = 0;
    double room_db_ = 0, crowded_ = 1, street_db_ = 0;
    Wandering fading_{3, 20};
    Wandering cell_{8, 300};
    Wandering load_{0.2, 600};
};

}  // namespace homeward::papers
