#include "day.h"

#include <algorithm>
#include <cmath>

namespace homeward::papers {
namespace {

using selection::Random;
using selection::RateModel;

constexpr int kCommute = 3600;

double rate(double dbm) {
    const RateModel rates;
    return std::min(20.0, rates.goodput_mbps(rates.snr_db(dbm)));
}

}  // namespace

Wandering::Wandering(double spread, double memory_s) : spread_(spread), keep_(std::exp(-1 / memory_s)) {}

double Wandering::next(Random& random) {
    value_ = keep_ * value_ + std::sqrt(1 - keep_ * keep_) * spread_ * random.normal();
    return value_;
}

Day::Day(std::uint64_t seed) : random_(seed) {
    leave_ = static_cast<int>(random_.uniform(7.5, 8.5) * 3600);
    back_ = static_cast<int>(random_.uniform(17, 19) * 3600);
}

const Moment& Day::next(int second) {
    const bool home = second < leave_ || second >= back_ + kCommute;
    const bool office = second >= leave_ + kCommute && second < back_;
    if (second % 600 == 0) {
        room_db_ = random_.uniform(-18, 8);
        crowded_ = random_.chance(0.2) ? random_.uniform(0.05, 0.3) : random_.uniform(0.6, 1);
    }
    const double wlan = room_db_ + fading_.next(random_);
    moment_.home_dbm = home ? Known{-63 + wlan} : std::nullopt;
    moment_.office_dbm = office ? Known{-66 + wlan} : std::nullopt;
    street(home || office);
    moment_.home_mbps = home ? rate(*moment_.home_dbm) * crowded_ : 0;
    moment_.office_mbps = office ? rate(*moment_.office_dbm) * crowded_ : 0;
    moment_.cellular_dbm = std::clamp((home || office ? -82 : -78) + cell_.next(random_), -112.0, -52.0);
    moment_.cellular_mbps = std::clamp((moment_.cellular_dbm + 115) / 16, 0.15, 2.0) * load_factor();
    sessions(second);
    return moment_;
}

double Day::load_factor() {
    return std::clamp(0.7 + load_.next(random_), 0.2, 1.0);
}

/// Hotspots that one passes: half a minute of a weak signal every few minutes.
void Day::street(bool indoors) {
    if (!indoors && left_ <= 0 && random_.chance(1.0 / 180)) {
        left_ = static_cast<int>(random_.uniform(20, 90));
        street_db_ = random_.uniform(-84, -62);
    }
    moment_.street_dbm.reset();
    moment_.street_mbps = 0;
    if (!indoors && left_-- > 0) {
        moment_.street_dbm = street_db_ + 2 * random_.normal();
        moment_.street_mbps = rate(*moment_.street_dbm) * 0.3;
    }
}

void Day::sessions(int second) {
    const int hour = second / 3600;
    std::erase_if(moment_.sessions, [&](const Session& each) { return each.until <= second; });
    if (hour < 7) {
        return;
    }
    for (std::size_t app = 0; app < kApps.size(); ++app) {
        if (random_.chance(kApps[app].sessions_per_day / (17 * 3600))) {
            const double length = app == 0 ? kApps[app].duration_s : random_.exponential(kApps[app].duration_s);
            moment_.sessions.push_back({app, second + std::max(1.0, length)});
        }
    }
    if (moment_.sessions.size() > 16) {
        moment_.sessions.resize(16);
    }
}

}  // namespace homeward::papers
