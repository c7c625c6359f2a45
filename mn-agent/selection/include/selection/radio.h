#pragma once

#include "selection/observation.h"

namespace homeward::selection {

/// Log-distance path loss: RSSI = tx − loss at 1 m − 10·n·log10(d).
struct PathLoss {
    double exponent = 3.3;
    double tx_dbm = 20;
    double loss_1m_db = 40;

    double rssi_dbm(double distance_m) const;
};

/// How signal becomes throughput: HT20 rates by SNR (the steps that wpa_supplicant estimates with).
struct RateModel {
    double noise_dbm = -89;  // 2.4 GHz; −92 at 5 GHz
    double unusable_snr_db = 4;
    double efficiency = 0.6;  // of the PHY rate that TCP sees

    double snr_db(double rssi_dbm) const { return rssi_dbm - noise_dbm; }
    /// PHY rate, Mbps; also of links below `unusable_snr_db`.
    static double phy_mbps(double snr_db);
    /// 0 below `unusable_snr_db`.
    double goodput_mbps(double snr_db) const { return snr_db < unusable_snr_db ? 0 : efficiency * phy_mbps(snr_db); }
};

/// What the link is thought to carry: measured, else by signal times `penalty`, else unknown.
Known capacity_mbps(const Link& link, const RateModel& model, double penalty);

/// First-order low-pass filter: value ← (1 − gain)·value + gain·sample.
class Smoothed {
  public:
    void add(double sample, double gain) {
        value_ = started_ ? (1 - gain) * value_ + gain * sample : sample;
        started_ = true;
    }
    void reset() { started_ = false; }
    bool started() const { return started_; }
    double value() const { return value_; }

  private:
    double value_ = 0;
    bool started_ = false;
};

}  // namespace homeward::selection
