#pragma once

#include <algorithm>
#include <nlohmann/json.hpp>
#include <vector>

#include "walk.h"

namespace homeward::papers {

/// What came of one method's walks, a row of values for each figure.
class WalkRows {
  public:
    void add(const WalkResult& result) {
        std::vector<double> seconds = result.series_mbps;
        std::sort(seconds.begin(), seconds.end());
        rows_["goodput"].push_back(result.goodput_mbps);
        rows_["median"].push_back(seconds[seconds.size() / 2]);
        rows_["p5"].push_back(seconds[seconds.size() / 20]);
        rows_["interruptions"].push_back(result.interruptions);
        rows_["handovers"].push_back(result.handovers);
        rows_["ping_pongs"].push_back(result.ping_pongs);
        rows_["interrupted_s"].push_back(result.interrupted_s);
        rows_["longest_s"].push_back(result.longest_s);
        rows_["lost"].push_back(result.lost_packets);
        rows_["fixes"].push_back(result.fixes);
        rows_["joules"].push_back(result.joules);
        rows_["megabytes"].push_back(result.goodput_mbps * static_cast<double>(result.series_mbps.size()) / 8);
    }
    const nlohmann::json& take() const { return rows_; }

  private:
    nlohmann::json rows_;
};

}  // namespace homeward::papers
