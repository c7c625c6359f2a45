#include "predictions.h"

#include <algorithm>

namespace homeward::papers {
namespace {

using nlohmann::json;
using selection::MobilityModel;

constexpr std::size_t kPeriod = 5;

/// Errors of one walk, in metres.
struct Errors {
    std::vector<double> to_fix, to_truth, persistence, reckoning;

    static double mean(const std::vector<double>& all) {
        double sum = 0;
        for (const double each : all) {
            sum += each;
        }
        return all.empty() ? 0 : sum / static_cast<double>(all.size());
    }
    static double p90(std::vector<double> all) {
        std::sort(all.begin(), all.end());
        return all.empty() ? 0 : all[(all.size() * 9) / 10];
    }
};

/// With K steps the node is fixed every K + 1 periods. Dead reckoning goes by the last 20 s.
Errors errors_of(MobilityModel& model, const std::vector<Step>& steps, std::size_t lookahead) {
    Errors errors;
    selection::HeadingSense heading = model.sense();
    for (std::size_t t = 0; t + kPeriod * lookahead < steps.size(); t += kPeriod * (lookahead + 1)) {
        const auto cell = model.map().cell_of(steps[t].fix);
        selection::Hmm::Index ahead[5];
        if (!cell || !model.predict(*cell, heading.see(*cell), {ahead, lookahead})) {
            continue;
        }
        const std::size_t back = std::min<std::size_t>(t, 20);
        const Point before = steps[t - back].fix;
        const double span = back == 0 ? 1 : static_cast<double>(back);
        const Point velocity{(steps[t].fix.east - before.east) / span, (steps[t].fix.north - before.north) / span};
        for (std::size_t k = 0; k < lookahead; ++k) {
            const Step& then = steps[t + kPeriod * (k + 1)];
            const auto later = static_cast<double>(kPeriod * (k + 1));
            const Point& predicted = model.map().centre(ahead[k]);
            errors.to_fix.push_back(distance(predicted, then.fix));
            errors.to_truth.push_back(distance(predicted, then.truth));
            errors.persistence.push_back(distance(steps[t].fix, then.fix));
            errors.reckoning.push_back(distance(
                {steps[t].fix.east + velocity.east * later, steps[t].fix.north + velocity.north * later}, then.fix));
        }
    }
    return errors;
}

}  // namespace

MobilityModel::Settings as_in_the_paper() {
    MobilityModel::Settings settings;
    settings.second_order = false;
    return settings;
}

void train(MobilityModel& model, const Scenario& scenario) {
    constexpr std::uint64_t kWalks = 30;
    for (std::uint64_t i = 0; i < kWalks; ++i) {
        model.train(fixes(walk(scenario, kTraining + i)));
    }
}

json predictions(const Scenario& scenario, const MobilityModel::Settings& settings, int seeds) {
    json result;
    MobilityModel model{settings, site().path, site().points};
    train(model, scenario);
    for (std::size_t lookahead = 1; lookahead <= 5; ++lookahead) {
        json row{{"lookahead", lookahead}};
        for (int seed = 0; seed < seeds; ++seed) {
            const Errors errors = errors_of(model, walk(scenario, static_cast<std::uint64_t>(seed)), lookahead);
            row["to_fix"].push_back(Errors::mean(errors.to_fix));
            row["to_truth"].push_back(Errors::mean(errors.to_truth));
            row["to_fix_p90"].push_back(Errors::p90(errors.to_fix));
            row["to_truth_p90"].push_back(Errors::p90(errors.to_truth));
            row["persistence"].push_back(Errors::mean(errors.persistence));
            row["dead_reckoning"].push_back(Errors::mean(errors.reckoning));
        }
        result.push_back(row);
    }
    return result;
}

}  // namespace homeward::papers
