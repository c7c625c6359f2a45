#include "selection/radio.h"

#include <algorithm>
#include <cmath>

namespace homeward::selection {

double PathLoss::rssi_dbm(double distance_m) const {
    return tx_dbm - loss_1m_db - 10 * exponent * std::log10(std::max(distance_m, 1.0));
}

double RateModel::phy_mbps(double snr_db) {
    struct Step {
        double below_db;
        double mbps;
    };
    static constexpr Step kSteps[] = {{6, 6.5}, {8, 13}, {13, 19.5}, {17, 26}, {20, 39}, {23, 52}, {24, 58.5}};
    const auto* step =
        std::find_if(std::begin(kSteps), std::end(kSteps), [&](const Step& each) { return snr_db < each.below_db; });
    return step == std::end(kSteps) ? 65 : step->mbps;
}

Known capacity_mbps(const Link& link, const RateModel& model, double penalty) {
    if (link.rate_mbps) {
        return link.rate_mbps;
    }
    if (link.snr_db) {
        return penalty * model.goodput_mbps(*link.snr_db);
    }
    if (link.rssi_dbm) {
        return penalty * model.goodput_mbps(model.snr_db(*link.rssi_dbm));
    }
    return std::nullopt;
}

}  // namespace homeward::selection
