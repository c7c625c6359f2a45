#pragma once

#include <nlohmann/json.hpp>

#include "selection/mobility_model.h"
#include "walk.h"

namespace homeward::papers {

/// Seeds of walks that are only trained on begin here.
inline constexpr std::uint64_t kTraining = 1'000'000;

/// Of first order.
selection::MobilityModel::Settings as_in_the_paper();

/// By 30 walks of the scenario, one fix each five seconds.
void train(selection::MobilityModel& model, const Scenario& scenario);

/// Distance from what was predicted to what was fixed and to the truth, by look-ahead of one to five periods.
nlohmann::json predictions(const Scenario& scenario, const selection::MobilityModel::Settings& settings, int seeds);

/// What the specification asks of an improved mobility engine: headings where people walk both ways, an access point
/// that is moved, and fewer fixes.
nlohmann::json mobility_goals(int seeds);

}  // namespace homeward::papers
