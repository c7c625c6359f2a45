#include "selection/supplicant_ladder.h"

#include "selection/candidates.h"

namespace homeward::selection {

double SupplicantLadder::needed_gain_db(double serving_dbm, double serving_mbps, double other_mbps) const {
    double gain = settings_.ladder.back().gain_db;
    for (const Step& step : settings_.ladder) {
        if (serving_dbm > step.above_dbm) {
            gain = step.gain_db;
            break;
        }
    }
    const bool slower = serving_mbps > other_mbps;
    const double high = slower ? serving_mbps : other_mbps;
    const double low = slower ? other_mbps : serving_mbps;
    for (const Ratio& each : settings_.ratios) {
        if (high > low * each.ratio) {
            return slower ? gain + each.shift_db : gain - each.shift_db;
        }
    }
    return gain;
}

bool SupplicantLadder::better(const Link& serving, const Link& other) const {
    if (!serving.rssi_dbm || !other.rssi_dbm) {
        return false;
    }
    const double serving_snr = settings_.rates.snr_db(*serving.rssi_dbm);
    const double serving_mbps = RateModel::phy_mbps(serving_snr);
    const double other_mbps = RateModel::phy_mbps(settings_.rates.snr_db(*other.rssi_dbm));
    if (other_mbps > serving_mbps + settings_.rate_gain_mbps) {
        return true;
    }
    if (serving_snr > settings_.great_snr_db) {
        return false;
    }
    return *other.rssi_dbm - *serving.rssi_dbm >= needed_gain_db(*serving.rssi_dbm, serving_mbps, other_mbps);
}

Decision SupplicantLadder::decide(const Scene& scene, Trigger trigger, const Deadline& /*deadline*/) {
    const Link* serving = scene.alive();
    if (serving != nullptr && trigger != Trigger::scan && scene.now < next_scan_) {
        return hold(scene);
    }
    const Link* best = any_link(scene);
    if (best == nullptr) {
        return hold(scene, Reason::no_candidate);
    }
    const bool weak = best->rssi_dbm.value_or(0) < settings_.weak_dbm;
    next_scan_ = scene.now + (weak ? settings_.scan_weak_s : settings_.scan_strong_s);
    if (serving == nullptr) {
        return go(scene, best->key, Reason::dead);
    }
    if (serving->rssi_dbm.value_or(0) < settings_.weak_dbm) {
        next_scan_ = scene.now + settings_.scan_weak_s;
    }
    return best != serving && better(*serving, *best) ? go(scene, best->key, Reason::better) : hold(scene);
}

}  // namespace homeward::selection
