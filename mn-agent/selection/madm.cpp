#include "selection/madm.h"

#include <algorithm>
#include <cmath>

namespace homeward::selection {
namespace {

using Row = std::array<double, kMaxAttributes>;

double largest(const DecisionTable& table, std::size_t k) {
    double highest = 0;
    for (const Row& row : table.alternatives) {
        highest = std::max(highest, row[k]);
    }
    return highest;
}

/// Without columns that say nothing; costs above zero; weights of sum 1.
DecisionTable cleaned(const DecisionTable& table) {
    DecisionTable clean;
    clean.alternatives.resize(table.alternatives.size());
    double sum = 0;
    for (std::size_t k = 0; k < table.attributes.size(); ++k) {
        const double high = largest(table, k);
        if (!(high > 0)) {
            continue;
        }
        const std::size_t column = clean.attributes.size();
        clean.attributes.push_back(table.attributes[k]);
        sum += table.attributes[k].weight;
        for (std::size_t i = 0; i < table.alternatives.size(); ++i) {
            const double value = table.alternatives[i][k];
            clean.alternatives[i][column] = !table.attributes[k].benefit && value <= 0 ? 1e-6 * high : value;
        }
    }
    for (DecisionTable::Attribute& attribute : clean.attributes) {
        attribute.weight = sum > 0 ? attribute.weight / sum : 1.0 / static_cast<double>(clean.attributes.size());
    }
    return clean;
}

double smallest(const DecisionTable& table, std::size_t k) {
    double low = INFINITY;
    for (const Row& row : table.alternatives) {
        low = std::min(low, row[k]);
    }
    return low;
}

/// Linear: benefits x/max, costs min/x.
double linear(const DecisionTable& table, const Row& row, std::size_t k) {
    return table.attributes[k].benefit ? row[k] / largest(table, k) : smallest(table, k) / row[k];
}

Scores additive(const DecisionTable& table) {
    Scores scores;
    for (const Row& row : table.alternatives) {
        double sum = 0;
        for (std::size_t k = 0; k < table.attributes.size(); ++k) {
            sum += table.attributes[k].weight * linear(table, row, k);
        }
        scores.push_back(sum);
    }
    return scores;
}

Scores multiplicative(const DecisionTable& table) {
    Scores scores;
    for (const Row& row : table.alternatives) {
        double product = 1;
        for (std::size_t k = 0; k < table.attributes.size(); ++k) {
            product *= std::pow(linear(table, row, k), table.attributes[k].weight);
        }
        scores.push_back(product);
    }
    return scores;
}

Scores by_ideal(const DecisionTable& table) {
    Bounded<double, kMaxInterfaces> to_best;
    Bounded<double, kMaxInterfaces> to_worst;
    for (const Row& row : table.alternatives) {
        double best = 0;
        double worst = 0;
        for (std::size_t k = 0; k < table.attributes.size(); ++k) {
            double norm = 0;
            for (const Row& each : table.alternatives) {
                norm += each[k] * each[k];
            }
            const double scale = table.attributes[k].weight / std::sqrt(norm);
            const bool benefit = table.attributes[k].benefit;
            const double high = largest(table, k);
            const double low = smallest(table, k);
            best += std::pow(scale * (row[k] - (benefit ? high : low)), 2);
            worst += std::pow(scale * (row[k] - (benefit ? low : high)), 2);
        }
        to_best.push_back(std::sqrt(best));
        to_worst.push_back(std::sqrt(worst));
    }
    Scores scores;
    for (std::size_t i = 0; i < to_best.size(); ++i) {
        const double sum = to_best[i] + to_worst[i];
        scores.push_back(sum > 0 ? to_worst[i] / sum : 0.5);
    }
    return scores;
}

bool reciprocal(const PairwiseMatrix& matrix, std::size_t n) {
    for (std::size_t i = 0; i < n; ++i) {
        for (std::size_t j = 0; j < n; ++j) {
            const double product = matrix[i][j] * matrix[j][i];
            if (!std::isfinite(product) || matrix[i][j] <= 0 || std::abs(product - 1) > 1e-6) {
                return false;
            }
        }
    }
    return n > 0 && n <= kMaxAttributes;
}

}  // namespace

Scores score(const DecisionTable& table, MadmMethod method) {
    if (table.alternatives.size() == 1) {
        Scores alone;
        alone.push_back(1);
        return alone;
    }
    const DecisionTable clean = cleaned(table);
    switch (method) {
        case MadmMethod::mew:
            return multiplicative(clean);
        case MadmMethod::topsis:
            return by_ideal(clean);
        case MadmMethod::saw:
            break;
    }
    return additive(clean);
}

std::optional<AhpWeights> ahp_weights(const PairwiseMatrix& matrix, std::size_t n, double max_ratio) {
    static constexpr std::array<double, kMaxAttributes> kRandomIndex{0,    0,    .58,  .90,  1.12,
                                                                     1.24, 1.32, 1.41, 1.45, 1.49};
    if (!reciprocal(matrix, n)) {
        return std::nullopt;
    }
    Row vector{};
    std::fill_n(vector.begin(), n, 1.0 / static_cast<double>(n));
    double eigenvalue = 0;
    for (int step = 0; step < 100; ++step) {
        Row next{};
        eigenvalue = 0;
        for (std::size_t i = 0; i < n; ++i) {
            for (std::size_t j = 0; j < n; ++j) {
                next[i] += matrix[i][j] * vector[j];
            }
            eigenvalue += next[i];  // the vector's sum is 1
        }
        for (std::size_t i = 0; i < n; ++i) {
            vector[i] = next[i] / eigenvalue;
        }
    }
    AhpWeights result;
    for (std::size_t i = 0; i < n; ++i) {
        result.weights.push_back(vector[i]);
    }
    const auto size = static_cast<double>(n);
    if (n > 2) {
        result.consistency_ratio = (eigenvalue - size) / (size - 1) / kRandomIndex[n - 1];
    }
    return result.consistency_ratio > max_ratio ? std::nullopt : std::optional{result};
}

Assignment assign_by_madm(const AssignmentProblem& problem, MadmMethod method, const MadmWeights& weights) {
    CostModel model;
    model.prepare(problem, false);
    std::array<Load, kMaxInterfaces> loads{};
    Assignment result;
    result.fill(kParked);
    DecisionTable table;
    table.attributes.push_back({true, weights.bandwidth});
    table.attributes.push_back({false, weights.power});
    table.attributes.push_back({false, weights.moves});
    for (std::size_t i = 0; i < problem.flows.size() && !model.available().empty(); ++i) {
        const FlowDemand& flow = problem.flows[i];
        table.alternatives.clear();
        for (const std::uint8_t j : model.available()) {
            Load with = loads[j];
            model.add(with, model.class_of(i), j);
            const double left = problem.interfaces[j].mbps - static_cast<double>(loads[j].demand) * 1e-9;
            const double added = static_cast<double>(model.power(with, j) - model.power(loads[j], j)) * 1e-9;
            table.alternatives.push_back({std::max(0.0, left), std::max(0.0, added),
                                          flow.previous == kParked || flow.previous == j ? 1.0 : 2.0});
        }
        const Scores scores = score(table, method);
        std::size_t best = 0;
        for (std::size_t a = 1; a < scores.size(); ++a) {
            const bool tie = std::abs(scores[a] - scores[best]) <= 1e-12;
            if (tie ? model.available()[a] == flow.previous : scores[a] > scores[best]) {
                best = a;
            }
        }
        result[i] = model.available()[best];
        model.add(loads[result[i]], model.class_of(i), result[i]);
    }
    return result;
}

}  // namespace homeward::selection
