#include "selection/radio.h"

#include <gtest/gtest.h>

#include "scene_builder.h"

namespace homeward::selection {
namespace {

TEST(RateModel, RatesByTheStepsOfWpaSupplicant) {
    struct Row {
        double snr_db;
        double mbps;
    };
    constexpr Row kRows[] = {{5.9, 6.5}, {6, 13},  {7.9, 13},  {8, 19.5},    {12.9, 19.5}, {13, 26},
                             {17, 39},   {20, 52}, {23, 58.5}, {23.9, 58.5}, {24, 65}};
    for (const Row& row : kRows) {
        EXPECT_EQ(RateModel::phy_mbps(row.snr_db), row.mbps) << row.snr_db;
        EXPECT_NEAR(RateModel{}.goodput_mbps(row.snr_db), 0.6 * row.mbps, 1e-12) << row.snr_db;
    }
    EXPECT_EQ(RateModel{}.goodput_mbps(3.9), 0) << "unusable";
    EXPECT_GT(RateModel{}.goodput_mbps(4), 0);
    EXPECT_EQ(RateModel{}.snr_db(-60), 29);
}

TEST(PathLoss, FallsByTenTimesTheExponentInADecade) {
    const PathLoss loss;
    EXPECT_EQ(loss.rssi_dbm(0), -20) << "nothing is nearer than a metre";
    EXPECT_EQ(loss.rssi_dbm(1), -20);
    EXPECT_NEAR(loss.rssi_dbm(10), -53, 1e-9);
    EXPECT_NEAR(loss.rssi_dbm(100), -86, 1e-9);
}

TEST(Capacity, MeasuredElseBySignalElseUnknown) {
    Link link = wlan(1, 10, std::nullopt);
    EXPECT_FALSE(capacity_mbps(link, {}, 0.5)) << "unknown is not zero";
    link.rssi_dbm = -60;
    EXPECT_NEAR(capacity_mbps(link, {}, 0.5).value(), 0.5 * 0.6 * 65, 1e-12);
    link.snr_db = 10;
    EXPECT_NEAR(capacity_mbps(link, {}, 0.5).value(), 0.5 * 0.6 * 19.5, 1e-12) << "a measured ratio before one derived";
    link.rate_mbps = 7;
    EXPECT_EQ(capacity_mbps(link, {}, 0.5), 7);
}

}  // namespace
}  // namespace homeward::selection
