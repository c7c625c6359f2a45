#pragma once

#include <cstdint>
#include <vector>

#include "selection/catalogue.h"

namespace homeward::papers {

using selection::Point;

/// Radio and surroundings of the walk along five access points (paper 002). All constants are ours.
struct Scenario {
    const char* name = "plausible";
    selection::PathLoss path_loss;
    double shadow_db = 6;
    double shadow_m = 10;
    double fading_db = 2;                        // of a measured sample; throughput follows the signal without it
    bool tcp_edge = false;                       // goodput falls with ((SNR − 8)/17)² below 25 dB
    double gps_m = 4;                            // standard deviation of each coordinate
    double gps_memory = 0.8;                     // of its error, each second
    selection::Seconds dead_s = 1;               // of a handover, no traffic
    selection::Seconds conventional_dead_s = 1;  // of one of the conventional method
    double leave_dbm = -80;                      // the conventional method's
    double join_dbm = -83;
    bool both_ways = false;  // walks begin at either end, and half of them turn back somewhere
};
Scenario plausible();
/// `plausible`, where people walk both ways and turn.
Scenario corridor();
/// Fitted to the paper's ratios: long outages, see the report.
Scenario stress_fit();

inline constexpr std::size_t kAccessPoints = 5;
inline constexpr double kSpacing = 55;
inline constexpr selection::InterfaceId kWlan = 1;

/// Where everything is: access points in line, the path five metres beside it.
selection::SiteMap site();

/// One second of a walk.
struct Step {
    Point truth;
    Point fix;
    double rssi_dbm[kAccessPoints] = {};      // measured
    double goodput_mbps[kAccessPoints] = {};  // what a connection to it would carry
};
/// 10 m to 210 m at 1 m/s more or less. The same seed is the same walk, whatever the method.
std::vector<Step> walk(const Scenario& scenario, std::uint64_t seed);
/// Fixes of a walk, one each five seconds.
std::vector<Point> fixes(const std::vector<Step>& walk);

struct WalkResult {
    double goodput_mbps = 0;
    int handovers = 0;
    int ping_pongs = 0;  // returns to the access point before within 10 s
    int interruptions = 0;
    double interrupted_s = 0;
    double longest_s = 0;
    double lost_packets = 0;  // on their way to the access point that was left, sent again
    double joules = 0;
    int fixes = 0;  // of the position, that the engine looked at
    std::vector<double> series_mbps;
    std::vector<int> serving;
};

/// What a method looks at costs energy: a scan 0.2 s of an active radio, GPS 0.28 W for the five seconds of a fix.
struct Senses {
    double scans_hz = 0;
    bool gps = false;
};

/// Runs an engine behind its guard. `dead_s`: of each handover.
WalkResult run(const std::vector<Step>& walk, std::unique_ptr<selection::Engine> engine, double dead_s,
               const Senses& senses);
/// The most that any sequence of handovers carries: dynamic programming over the whole walk.
WalkResult clairvoyant(const std::vector<Step>& walk, double dead_s);

}  // namespace homeward::papers
