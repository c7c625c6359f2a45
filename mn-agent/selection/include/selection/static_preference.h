#pragma once

#include "selection/engine.h"

namespace homeward::selection {

/// The first interface of a fixed order that is up; what a policy's list of uplinks does without an engine.
class StaticPreference final : public Engine {
  public:
    struct Settings {
        /// Interfaces, best first; those not named come last.
        Bounded<InterfaceId, 16> order;
    };

    explicit StaticPreference(const Settings& settings) : settings_(settings) {}

    std::string_view name() const override { return "static"; }
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;

  private:
    double rank(InterfaceId interface) const;

    Settings settings_;
};

}  // namespace homeward::selection
