#include "selection/hmm.h"

#include <gtest/gtest.h>

#include "selection/random.h"

namespace homeward::selection {
namespace {

using Index = Hmm::Index;

/// The most probable path by trying all of them.
std::vector<Index> by_enumeration(const std::vector<double>& start, const std::vector<std::vector<double>>& to,
                                  const std::vector<std::vector<double>>& shows, const std::vector<Index>& symbols) {
    const std::size_t states = start.size();
    std::size_t paths = 1;
    for (std::size_t t = 0; t < symbols.size(); ++t) {
        paths *= states;
    }
    double best = -1;
    std::vector<Index> result;
    for (std::size_t number = 0; number < paths; ++number) {
        std::vector<Index> path;
        for (std::size_t t = 0, rest = number; t < symbols.size(); ++t, rest /= states) {
            path.push_back(static_cast<Index>(rest % states));
        }
        double probability = start[path[0]] * shows[path[0]][symbols[0]];
        for (std::size_t t = 1; t < path.size(); ++t) {
            probability *= to[path[t - 1]][path[t]] * shows[path[t]][symbols[t]];
        }
        if (probability > best * (1 + 1e-12)) {
            best = probability;
            result = path;
        }
    }
    return result;
}

/// Probabilities of a row of counts; every count is `epsilon` more.
std::vector<double> normalised(std::vector<double> row, double epsilon = 0) {
    double sum = 0;
    for (double& each : row) {
        each += epsilon;
        sum += each;
    }
    for (double& each : row) {
        each /= sum;
    }
    return row;
}

/// Every other time with counts of zero among the transitions, and an ε for them.
TEST(Hmm, ViterbiFindsTheMostProbablePath) {
    Random random{9};
    for (int trial = 0; trial < 600; ++trial) {
        const bool sparse = trial % 2 == 1;
        const double epsilon = sparse ? 0.05 : 0;
        const std::size_t states = 1 + random.below(4);
        const std::size_t kinds = 1 + random.below(4);
        Hmm hmm{states, kinds, epsilon};
        std::vector<double> start;
        std::vector<std::vector<double>> to(states);
        std::vector<std::vector<double>> shows(states);
        for (Index i = 0; i < states; ++i) {
            start.push_back(random.uniform(0.01, 1));
            hmm.count_start(i, start.back());
            for (Index j = 0; j < states; ++j) {
                to[i].push_back(sparse && random.below(3) != 0 ? 0 : random.uniform(0.01, 1));
                hmm.count_transition(i, j, to[i].back());
            }
            for (Index k = 0; k < kinds; ++k) {
                shows[i].push_back(random.uniform(0.01, 1));
                hmm.count_emission(i, k, shows[i].back());
            }
            to[i] = normalised(to[i], epsilon);
            shows[i] = normalised(shows[i], epsilon);
        }
        hmm.update();
        std::vector<Index> symbols;
        for (std::uint32_t t = 1 + random.below(5); t > 0; --t) {
            symbols.push_back(static_cast<Index>(random.below(static_cast<std::uint32_t>(kinds))));
        }
        std::vector<Index> path(symbols.size());
        ASSERT_TRUE(hmm.decode(symbols, path));
        EXPECT_EQ(path, by_enumeration(normalised(start, epsilon), to, shows, symbols));
    }
}

TEST(Hmm, RefusesWhatIsImpossible) {
    Hmm hmm{2, 2, 0};
    hmm.count_start(0);
    hmm.count_transition(0, 0);
    hmm.count_emission(0, 0);
    hmm.update();
    const Index seen_once[] = {0, 0};
    const Index never[] = {0, 1};
    Index path[2];
    EXPECT_TRUE(hmm.decode(seen_once, path));
    EXPECT_FALSE(hmm.decode(never, path)) << "all −∞";
    const bool masked[] = {false, true};
    EXPECT_FALSE(hmm.decode(seen_once, path, masked));
    const Index outside[] = {0, 2};
    EXPECT_FALSE(hmm.decode(outside, path)) << "no such symbol";
    EXPECT_FALSE(hmm.decode({}, {}));
    Hmm smoothed{2, 2, 1e-3};
    EXPECT_TRUE(smoothed.decode(never, path)) << "with ε nothing is impossible";
}

TEST(Hmm, ForgetsOldCounts) {
    Hmm hmm{2, 2, 0};
    for (const Index state : {Index{0}, Index{1}}) {
        hmm.count_start(state);
        hmm.count_transition(state, state);
        hmm.count_emission(state, state, 100);
    }
    for (int i = 0; i < 1000; ++i) {
        hmm.forget(0, 0.995);
        hmm.count_start(0);
        hmm.count_emission(0, 1);
    }
    hmm.update();
    const Index symbol[] = {1};
    Index path[1];
    ASSERT_TRUE(hmm.decode(symbol, path));
    EXPECT_EQ(path[0], 0);
}

}  // namespace
}  // namespace homeward::selection
