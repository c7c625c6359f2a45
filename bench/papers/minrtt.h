#pragma once

#include <vector>

namespace homeward::papers {

/// Two paths under one MPTCP connection with the default scheduler: the lowest round trip whose window has room.
struct MinRttSettings {
    double tick_s = 0.01;
    double wlan_rtt_s = 0.02;
    double lte_rtt_s = 0.06;
    double buffer_mb = 4;  // megabytes sent and not acknowledged, of both paths
    double rto_s = 1;      // a silent path counts as dead after this, doubling
};

/// Amounts are megabits.
struct MinRttResult {
    std::vector<double> series_mbps;  // of each second
    double over_lte = 0;
    double lost = 0;       // was on its way over the WLAN when that fell silent, and was sent again
    double reordered = 0;  // arrived after something that was sent later
};

/// What arrives in each second, given what the WLAN carries in each second and what LTE always carries. What was on its
/// way over a WLAN that fell silent is sent again over LTE when the timer has run out, and blocks the buffer until
/// then.
MinRttResult minrtt(const std::vector<double>& wlan_mbps, double lte_mbps, const MinRttSettings& settings);

}  // namespace homeward::papers
