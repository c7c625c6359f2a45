#include "walk.h"

#include <algorithm>
#include <cmath>

#include "selection/selector.h"

namespace homeward::papers {
namespace {

using selection::LinkKey;
using selection::Random;

constexpr double kLateral = 5;
constexpr double kFrom = 10;
constexpr double kTo = 210;
constexpr double kSensitivity = -92;  // what is weaker is not seen
constexpr int kFixPeriod = 5;

double goodput(const Scenario& scenario, double rssi_dbm) {
    const selection::RateModel rates;
    const double snr = rates.snr_db(rssi_dbm);
    const double edge = scenario.tcp_edge ? std::clamp((snr - 8) / 17, 0.0, 1.0) : 1;
    return rates.goodput_mbps(snr) * edge * edge;
}

selection::Observation observe(const Step& step, int second, int serving, bool fixed) {
    selection::Observation seen;
    seen.at = second;
    for (std::size_t i = 0; i < kAccessPoints; ++i) {
        selection::Link link;
        link.key = {kWlan, i + 1};
        link.rssi_dbm = step.rssi_dbm[i];
        link.up = step.rssi_dbm[i] >= kSensitivity;
        seen.links.push_back(link);
    }
    if (fixed) {
        seen.position = selection::Plane{site().latitude, site().longitude}.position(step.fix);
        seen.position->accuracy_m = 5;
    }
    seen.serving = {kWlan, static_cast<selection::Bssid>(serving + 1)};
    return seen;
}

int nearest(const Point& point) {
    return std::clamp(static_cast<int>(std::lround(point.east / kSpacing)), 0, static_cast<int>(kAccessPoints) - 1);
}

/// Handovers as they happen, and what they interrupt.
class Ledger {
  public:
    Ledger(WalkResult& result, int serving, const Senses& senses = {})
        : result_(result), senses_(senses), before_(serving) {}

    void fix() {
        ++result_.fixes;
        result_.joules += senses_.gps ? 0.28 * kFixPeriod : 0;
    }
    void second(int now, int serving, double mbps) {
        if (serving != before_) {
            ++result_.handovers;
            result_.lost_packets += carried_ * kOnWay / kPacketMb;
            result_.ping_pongs += serving == left_ && now - left_at_ <= 10 ? 1 : 0;
            left_ = before_;
            left_at_ = now;
            before_ = serving;
        }
        result_.interruptions += mbps <= 0 && silent_ == 0 ? 1 : 0;
        silent_ = mbps > 0 ? 0 : silent_ + 1;
        result_.interrupted_s += mbps > 0 ? 0 : 1;
        result_.longest_s = std::max(result_.longest_s, static_cast<double>(silent_));
        result_.series_mbps.push_back(mbps);
        result_.serving.push_back(serving);
        const selection::RadioProfile& radio = selection::kWlanAria;
        result_.joules += (mbps > 0 ? radio.active_w : radio.idle_w) + senses_.scans_hz * 0.2 * radio.active_w;
        carried_ = mbps;
        sum_ += mbps;
        result_.goodput_mbps = sum_ / static_cast<double>(result_.series_mbps.size());
    }

  private:
    static constexpr double kOnWay = 0.04;  // seconds: 20 ms of round trip, and as much in the queue
    static constexpr double kPacketMb = 0.012;

    WalkResult& result_;
    Senses senses_;
    double carried_ = 0;
    int before_;
    int left_ = -1;
    int left_at_ = 0;
    int silent_ = 0;
    double sum_ = 0;
};

}  // namespace

Scenario plausible() {
    return {};
}

Scenario corridor() {
    Scenario scenario;
    scenario.name = "corridor";
    scenario.both_ways = true;
    return scenario;
}

Scenario stress_fit() {
    Scenario scenario;
    scenario.name = "stress-fit";
    scenario.path_loss.exponent = 2.64;
    scenario.path_loss.tx_dbm = 9.4;
    scenario.tcp_edge = true;
    scenario.gps_m = 5.7;
    scenario.gps_memory = 0.44;
    scenario.conventional_dead_s = 20;
    scenario.leave_dbm = -65;
    scenario.join_dbm = -82;
    return scenario;
}

selection::SiteMap site() {
    selection::SiteMap site;
    site.latitude = 5.35;
    site.longitude = 100.3;
    site.path = {{0, kLateral}, {kSpacing * (kAccessPoints - 1), kLateral}};
    for (std::size_t i = 0; i < kAccessPoints; ++i) {
        site.points.push_back({LinkKey{kWlan, i + 1}, {kSpacing * static_cast<double>(i), 0}});
    }
    return site;
}

namespace {

/// From one place by another to a third, metres along the path.
struct Route {
    double from = kFrom, turn = kTo, to = kTo;

    double length() const { return std::abs(turn - from) + std::abs(to - turn); }
    double at(double walked) const {
        const double out = std::abs(turn - from);
        return walked <= out ? from + std::copysign(walked, turn - from)
                             : turn + std::copysign(walked - out, to - turn);
    }
};

Route route(const Scenario& scenario, std::uint64_t seed) {
    if (!scenario.both_ways) {
        return {};
    }
    constexpr double kMargin = 40;  // who turns has gone some way
    Random random{seed ^ 0x726f757465U};
    const bool east = random.chance(0.5);
    const double from = east ? kFrom : kTo;
    const double to = east ? kTo : kFrom;
    const bool turns = random.chance(0.5);
    return turns ? Route{from, random.uniform(kFrom + kMargin, kTo - kMargin), from} : Route{from, to, to};
}

}  // namespace

std::vector<Step> walk(const Scenario& scenario, std::uint64_t seed) {
    Random random{seed};
    const double speed = std::clamp(1 + 0.1 * random.normal(), 0.6, 1.4);
    double shadow[kAccessPoints];
    std::generate(std::begin(shadow), std::end(shadow), [&] { return scenario.shadow_db * random.normal(); });
    Point error{scenario.gps_m * random.normal(), scenario.gps_m * random.normal()};
    const double keep = std::exp(-speed / scenario.shadow_m);
    const double fresh = std::sqrt(1 - keep * keep) * scenario.shadow_db;
    const double gps_fresh = std::sqrt(1 - scenario.gps_memory * scenario.gps_memory) * scenario.gps_m;
    std::vector<Step> steps;
    const Route way = route(scenario, seed);
    const int seconds = static_cast<int>(way.length() / speed);
    for (int second = 0; second <= seconds; ++second) {
        const double east = way.at(speed * second);
        Step step;
        step.truth = {east, kLateral};
        step.fix = {east + error.east, kLateral + error.north};
        for (std::size_t i = 0; i < kAccessPoints; ++i) {
            const double away = std::hypot(east - kSpacing * static_cast<double>(i), kLateral);
            const double signal = scenario.path_loss.rssi_dbm(away) + shadow[i];
            step.goodput_mbps[i] = goodput(scenario, signal);
            step.rssi_dbm[i] = std::clamp(signal + scenario.fading_db * random.normal(), -120.0, 0.0);
            shadow[i] = keep * shadow[i] + fresh * random.normal();
        }
        error.east = scenario.gps_memory * error.east + gps_fresh * random.normal();
        error.north = scenario.gps_memory * error.north + gps_fresh * random.normal();
        steps.push_back(step);
    }
    return steps;
}

std::vector<Point> fixes(const std::vector<Step>& walk) {
    std::vector<Point> points;
    for (std::size_t t = 0; t < walk.size(); t += kFixPeriod) {
        points.push_back(walk[t].fix);
    }
    return points;
}

WalkResult run(const std::vector<Step>& walk, std::unique_ptr<selection::Engine> engine, double dead_s,
               const Senses& senses) {
    selection::Selector selector{std::move(engine), {}};
    WalkResult result;
    int serving = nearest(walk[0].truth);
    Ledger ledger{result, serving, senses};
    double dead_until = 0;
    bool pending = false;
    for (int now = 0; now < static_cast<int>(walk.size()); ++now) {
        const Step& step = walk[static_cast<std::size_t>(now)];
        const bool fixed = now % kFixPeriod == 0 && now >= selector.engine().next_fix();
        if (fixed) {
            ledger.fix();
        }
        const selection::Observation seen = observe(step, now, serving, fixed);
        selector.observe(seen);
        if (pending && now >= dead_until) {
            selector.report({static_cast<double>(now), {kWlan, static_cast<selection::Bssid>(serving + 1)}, true});
            pending = false;
        }
        const auto trigger = seen.position ? selection::Trigger::fix : selection::Trigger::tick;
        const auto decision = pending ? selection::Decision{} : selector.decide(now, trigger);
        if (decision.change) {
            serving = static_cast<int>(decision.serving.bssid) - 1;
            dead_until = now + dead_s;
            pending = true;  // who is busy joining joins no other
        }
        ledger.second(now, serving, now < dead_until ? 0 : step.goodput_mbps[serving]);
    }
    return result;
}

WalkResult clairvoyant(const std::vector<Step>& walk, double dead_s) {
    const auto dead = static_cast<int>(dead_s);
    const auto length = static_cast<int>(walk.size());
    const int first = nearest(walk[0].truth);
    struct Cell {
        double carried = -1e18;
        int from = -1;
    };
    std::vector<std::array<Cell, kAccessPoints>> best(walk.size());
    for (int t = 0; t < length; ++t) {
        for (int i = 0; i < static_cast<int>(kAccessPoints); ++i) {
            Cell& cell = best[static_cast<std::size_t>(t)][static_cast<std::size_t>(i)];
            if (t == 0) {
                cell = {i == first ? walk[0].goodput_mbps[i] : -1e18, i};
                continue;
            }
            cell = {best[static_cast<std::size_t>(t - 1)][static_cast<std::size_t>(i)].carried, i};
            for (int j = 0; j < static_cast<int>(kAccessPoints) && t - 1 - dead >= 0; ++j) {
                const double carried =
                    best[static_cast<std::size_t>(t - 1 - dead)][static_cast<std::size_t>(j)].carried;
                if (j != i && carried > cell.carried) {
                    cell = {carried, j};
                }
            }
            cell.carried += walk[static_cast<std::size_t>(t)].goodput_mbps[i];
        }
    }
    const auto& last = best.back();
    int serving = static_cast<int>(
        std::max_element(last.begin(), last.end(), [](const Cell& a, const Cell& b) { return a.carried < b.carried; }) -
        last.begin());
    std::vector<std::pair<int, bool>> plan(walk.size(), {0, true});  // who serves, and does it carry
    for (int t = length - 1; t >= 0;) {
        const int from = best[static_cast<std::size_t>(t)][static_cast<std::size_t>(serving)].from;
        plan[static_cast<std::size_t>(t)] = {serving, true};
        --t;
        for (int lost = 0; from != serving && lost < dead && t >= 0; ++lost, --t) {
            plan[static_cast<std::size_t>(t)] = {serving, false};
        }
        serving = from;
    }
    WalkResult result;
    Ledger ledger{result, first};
    for (int t = 0; t < length; ++t) {
        const auto& [who, carries] = plan[static_cast<std::size_t>(t)];
        ledger.second(t, who, carries ? walk[static_cast<std::size_t>(t)].goodput_mbps[who] : 0);
    }
    return result;
}

}  // namespace homeward::papers
