#pragma once

#include "selection/engine.h"
#include "selection/random.h"

namespace homeward::selection {

/// The baseline of the mobility prediction paper: stays until the link is too weak, then joins any access point around.
class Conventional final : public Engine {
  public:
    struct Settings {
        double leave_dbm = -80;
        double join_dbm = -83;
    };

    Conventional(const Settings& settings, std::uint64_t seed) : settings_(settings), random_(seed) {}

    std::string_view name() const override { return "conventional"; }
    Decision decide(const Scene& scene, Trigger trigger, const Deadline& deadline) override;

  private:
    Settings settings_;
    Random random_;
};

}  // namespace homeward::selection
