#include <algorithm>
#include <functional>
#include <memory>

#include "predictions.h"
#include "walk_rows.h"

namespace homeward::papers {
namespace {

using nlohmann::json;
using selection::EngineSettings;
using selection::MobilityModel;

EngineSettings usual() {
    EngineSettings settings;
    settings.pmp.site = settings.hybrid.site = site();
    return settings;
}

json walks_by(const Scenario& scenario, int seeds,
              const std::function<std::unique_ptr<selection::Engine>(std::uint64_t)>& make) {
    WalkRows rows;
    for (std::uint64_t seed = 0; seed < static_cast<std::uint64_t>(seeds); ++seed) {
        rows.add(run(walk(scenario, seed), make(seed), scenario.dead_s, {0.2, true}));
    }
    return rows.take();
}

json with_pmp(const Scenario& scenario, bool second_order, int seeds) {
    EngineSettings settings = usual();
    settings.pmp.model.second_order = second_order;
    return walks_by(scenario, seeds, [&](std::uint64_t /*seed*/) {
        auto engine = std::make_unique<selection::Pmp>(settings.pmp);
        train(engine->model(), scenario);
        return engine;
    });
}

json with_hybrid(const Scenario& scenario, selection::Seconds fix_most_s, int seeds) {
    EngineSettings settings = usual();
    settings.hybrid.fix_most_s = fix_most_s;
    return walks_by(scenario, seeds, [&](std::uint64_t seed) { return make_engine("hybrid", settings, seed); });
}

/// First and second order beside each other, where people walk both ways and where they do not.
json orders(int seeds) {
    json result;
    for (const Scenario& scenario : {plausible(), corridor()}) {
        for (const bool second : {false, true}) {
            MobilityModel::Settings settings;
            settings.second_order = second;
            result.push_back({{"scenario", scenario.name},
                              {"order", second ? 2 : 1},
                              {"predictions", predictions(scenario, settings, seeds)},
                              {"walks", with_pmp(scenario, second, seeds)}});
        }
    }
    return result;
}

/// Part of a walk's periods in which the model names the access point that is nearest then.
double right_targets(MobilityModel& model, const std::vector<Step>& steps, const std::vector<Point>& points) {
    const std::vector<Point> seen = fixes(steps);
    std::vector<MobilityModel::Index> window;
    int right = 0, asked = 0;
    for (std::size_t t = 0; t + 1 < seen.size(); ++t) {
        const auto cell = model.map().cell_of(seen[t]);
        if (!cell) {
            continue;
        }
        window.push_back(*cell);
        window.erase(window.begin(), window.size() > 10 ? window.end() - 10 : window.begin());
        std::vector<MobilityModel::Index> cells = window;
        cells.resize(cells.size() + 1);
        if (!model.predict(*cell, {&cells.back(), 1})) {
            continue;
        }
        const Point& then = steps[5 * (t + 1)].truth;
        const auto nearest = std::min_element(points.begin(), points.end(), [&](const Point& a, const Point& b) {
            return distance(a, then) < distance(b, then);
        });
        right += model.target(cells) == static_cast<std::size_t>(nearest - points.begin()) ? 1 : 0;
        ++asked;
    }
    return asked == 0 ? 0 : static_cast<double>(right) / asked;
}

/// The third access point moves 20 m on, the controller tells, and the model goes on learning from walks.
json moved_point(int seeds) {
    constexpr std::size_t kMoved = 2;
    constexpr std::uint64_t kWalks = 3;
    const Scenario scenario = plausible();
    json result{{"before", json::array()}, {"untold", json::array()}, {"after", json::array()}};
    std::vector<Point> points;
    for (const selection::AccessPoint& each : site().points) {
        points.push_back(each.place);
    }
    std::vector<Point> moved = points;
    moved[kMoved].east += 20;
    for (std::uint64_t seed = 0; seed < static_cast<std::uint64_t>(seeds); ++seed) {
        MobilityModel model{{}, site().path, site().points};
        train(model, scenario);
        const std::vector<Step> test = walk(scenario, seed);
        result["before"].push_back(right_targets(model, test, points));
        result["untold"].push_back(right_targets(model, test, moved));
        model.place_point(kMoved, moved[kMoved]);
        for (std::uint64_t walks = 0; walks <= kWalks; ++walks) {
            if (seed == 0) {
                result["after"].push_back(json::array());
            }
            result["after"][walks].push_back(right_targets(model, test, moved));
            model.restart();
            for (const Point& fix : fixes(walk(scenario, 2 * kTraining + 10 * seed + walks))) {
                model.learn(fix);
            }
        }
    }
    return result;
}

}  // namespace

json mobility_goals(int seeds) {
    json sparse = json::array();
    for (const Scenario& scenario : {plausible(), corridor()}) {
        sparse.push_back({{"scenario", scenario.name},
                          {"all", with_hybrid(scenario, 0, seeds)},
                          {"fewer", with_hybrid(scenario, 20, seeds)}});
    }
    return {{"orders", orders(seeds)}, {"moved_point", moved_point(seeds)}, {"fixes", sparse}};
}

}  // namespace homeward::papers
