#pragma once

#include "selection/engine.h"

namespace homeward::selection {

/// The link with the strongest signal, when it is stronger than the serving one by more than a hysteresis.
class StrongestSignal final : public Engine {
  public:
    struct Settings {
        double hysteresis_db = 6;
    };

    explicit StrongestSignal(const Settings& settings) : settings_(settings) {}

    std::string_view name() const override { return "strongest"; }
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;

  private:
    Settings settings_;
};

}  // namespace homeward::selection
