#include <algorithm>
#include <cmath>
#include <functional>
#include <numeric>

#include "minrtt.h"
#include "papers.h"
#include "predictions.h"
#include "processor_time.h"
#include "walk_rows.h"

namespace homeward::papers {
namespace {

using nlohmann::json;
using selection::EngineSettings;

EngineSettings settings_for(const Scenario& scenario) {
    EngineSettings settings;
    settings.pmp.site = settings.hybrid.site = site();
    settings.pmp.model = as_in_the_paper();
    settings.hybrid.dead_s = scenario.dead_s;
    settings.conventional.leave_dbm = scenario.leave_dbm;
    settings.conventional.join_dbm = scenario.join_dbm;
    return settings;
}

struct Method {
    std::string name;
    std::function<std::unique_ptr<selection::Engine>(std::uint64_t seed)> make;
    double dead_s;
    Senses senses;
};

std::vector<Method> methods(const Scenario& scenario) {
    const EngineSettings usual = settings_for(scenario);
    std::vector<Method> all;
    all.push_back({"conventional",
                   [=](std::uint64_t seed) { return make_engine("conventional", usual, seed); },
                   scenario.conventional_dead_s,
                   {}});
    for (const double hysteresis : {0.0, 3.0, 6.0}) {
        EngineSettings settings = usual;
        settings.strongest.hysteresis_db = hysteresis;
        all.push_back({"hysteresis-" + std::to_string(static_cast<int>(hysteresis)),
                       [=](std::uint64_t seed) { return make_engine("strongest", settings, seed); },
                       scenario.dead_s,
                       {1, false}});
    }
    all.push_back({"ladder",
                   [=](std::uint64_t seed) { return make_engine("ladder", usual, seed); },
                   scenario.dead_s,
                   {0.05, false}});
    all.push_back({"pmp",
                   [=](std::uint64_t /*seed*/) {
                       auto engine = std::make_unique<selection::Pmp>(usual.pmp);
                       train(engine->model(), scenario);
                       return engine;
                   },
                   scenario.dead_s,
                   {0.2, true}});
    all.push_back(
        {"hybrid", [=](std::uint64_t seed) { return make_engine("hybrid", usual, seed); }, scenario.dead_s, {1, true}});
    return all;
}

double mean_of(const json& values) {
    double sum = 0;
    for (const auto& each : values) {
        sum += each.get<double>();
    }
    return values.empty() ? 0 : sum / static_cast<double>(values.size());
}

/// The conventional method's WLAN and LTE under one MPTCP connection. LTE's rate is the one that makes the paper's two
/// ratios agree: 4.21/1.68 − 1 of the conventional method's mean. A megabyte over LTE costs 0.05, as in paper 001.
json multipath(json& result, const std::vector<std::vector<double>>& conventional) {
    constexpr double kPacketMb = 0.012;
    const json& alone = result["methods"]["conventional"];
    const double lte = 1.51 * mean_of(alone["goodput"]);
    json rows{{"handovers", alone["handovers"]}, {"lte_mbps", lte}};
    for (std::size_t i = 0; i < conventional.size(); ++i) {
        const MinRttResult one = minrtt(conventional[i], lte, {});
        const auto seconds = static_cast<double>(one.series_mbps.size());
        const double all = std::accumulate(one.series_mbps.begin(), one.series_mbps.end(), 0.0);
        const double joules =
            alone["joules"][i].get<double>() + seconds * selection::kLteAria.active_w + one.over_lte * 0.05197;
        rows["goodput"].push_back(all / seconds);
        rows["lost"].push_back(one.lost / kPacketMb);
        rows["reordered"].push_back(one.reordered / kPacketMb);
        rows["cost"].push_back(0.05 * one.over_lte / 8);
        rows["joules"].push_back(joules);
        rows["megabytes"].push_back(all / 8);
        if (i == 0) {
            result["example"]["mptcp"] = {{"mbps", one.series_mbps}};
        }
    }
    return rows;
}

json compare(const Scenario& scenario, int seeds, Progress& progress) {
    json result;
    std::vector<std::vector<Step>> walks;
    walks.reserve(static_cast<std::size_t>(seeds));
    for (int seed = 0; seed < seeds; ++seed) {
        walks.push_back(walk(scenario, static_cast<std::uint64_t>(seed)));
    }
    std::vector<std::vector<double>> conventional;
    for (const Method& method : methods(scenario)) {
        WalkRows rows;
        for (int seed = 0; seed < seeds; ++seed) {
            const WalkResult one = run(walks[static_cast<std::size_t>(seed)],
                                       method.make(static_cast<std::uint64_t>(seed)), method.dead_s, method.senses);
            rows.add(one);
            if (method.name == "conventional") {
                conventional.push_back(one.series_mbps);
            }
            if (seed == 0) {
                result["example"][method.name] = {{"mbps", one.series_mbps}, {"serving", one.serving}};
            }
            progress.step();
        }
        result["methods"][method.name] = rows.take();
    }
    WalkRows best;
    for (const auto& each : walks) {
        best.add(clairvoyant(each, scenario.dead_s));
    }
    result["methods"]["clairvoyant"] = best.take();
    result["methods"]["mptcp"] = multipath(result, conventional);
    return result;
}

/// One walk as Figure 4 draws it: where the node was fixed, and where it was thought to be going.
json drawn_walk(const Scenario& scenario) {
    selection::MobilityModel model{as_in_the_paper(), site().path, site().points};
    train(model, scenario);
    json fixed = json::array(), predicted = json::array();
    const std::vector<Step> steps = walk(scenario, 0);
    for (std::size_t t = 0; t + 5 < steps.size(); t += 10) {
        const auto cell = model.map().cell_of(steps[t].fix);
        selection::Hmm::Index ahead[1];
        if (cell && model.predict(*cell, ahead)) {
            const Point& point = model.map().centre(ahead[0]);
            predicted.push_back({point.east, point.north});
            fixed.push_back({steps[t + 5].fix.east, steps[t + 5].fix.north});
        }
    }
    return {{"fixed", fixed}, {"predicted", predicted}};
}

/// Microseconds of Viterbi over ten observations; `states`: cells, or twice as many with headings. From each the node
/// was seen to go to eight others, as from a cell of a grid.
json viterbi_times(std::uint16_t states) {
    selection::Hmm hmm{states, states, 1e-3};
    selection::Random random{1};
    for (int i = 0; i < 5000; ++i) {
        const auto cell = static_cast<selection::Hmm::Index>(random.below(states));
        hmm.count_start(cell);
        hmm.count_transition(cell, static_cast<selection::Hmm::Index>((cell + 1 + random.below(8)) % states));
        hmm.count_emission(cell, cell);
    }
    hmm.update();
    std::array<selection::Hmm::Index, 10> symbols{};
    std::array<selection::Hmm::Index, 10> path{};
    json times = json::array();
    for (int i = 0; i < 2000; ++i) {
        for (auto& each : symbols) {
            each = static_cast<selection::Hmm::Index>(random.below(states));
        }
        const double from = processor_us();
        hmm.decode(symbols, path);
        times.push_back(processor_us() - from);
    }
    return times;
}

}  // namespace

json mobility_paper(int seeds) {
    json result;
    Progress progress{"paper 002, walks", 2 * 7 * seeds};
    for (const Scenario& scenario : {plausible(), stress_fit()}) {
        json one = compare(scenario, seeds, progress);
        one["predictions"] = predictions(scenario, as_in_the_paper(), seeds);
        one["walk"] = drawn_walk(scenario);
        result["scenarios"][scenario.name] = one;
    }
    result["goals"] = mobility_goals(seeds);
    result["viterbi_us"] = viterbi_times(50);
    result["viterbi_with_headings_us"] = viterbi_times(100);
    return result;
}

}  // namespace homeward::papers
