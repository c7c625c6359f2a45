#include "selection/catalogue.h"

#include <array>
#include <string>

namespace homeward::selection {
namespace {

using Maker = std::unique_ptr<Engine> (*)(const EngineSettings&, std::uint64_t);

struct Entry {
    std::string_view name;
    Maker make;
};

std::unique_ptr<Engine> make_madm(std::string_view name, MadmEngine::Settings settings, MadmMethod method) {
    settings.method = method;
    return std::make_unique<MadmEngine>(std::string(name), settings);
}

std::unique_ptr<Engine> make_ahp(const EngineSettings& settings, std::uint64_t /*seed*/) {
    const auto found = ahp_weights(settings.judgements, 3);
    if (!found) {
        return nullptr;
    }
    MadmEngine::Settings madm = settings.madm;
    madm.weights = {found->weights[0], found->weights[1], found->weights[2]};
    return make_madm("ahp", madm, MadmMethod::saw);
}

std::unique_ptr<Engine> make_pmp(const EngineSettings& settings, std::uint64_t /*seed*/) {
    const SiteMap& site = settings.pmp.site;
    return site.points.empty() || site.path.size() < 2 ? nullptr : std::make_unique<Pmp>(settings.pmp);
}

constexpr std::array<Entry, 15> kEntries{{
    {"static",
     [](const EngineSettings& s, std::uint64_t) -> std::unique_ptr<Engine> {
         return std::make_unique<StaticPreference>(s.fixed);
     }},
    {"strongest",
     [](const EngineSettings& s, std::uint64_t) -> std::unique_ptr<Engine> {
         return std::make_unique<StrongestSignal>(s.strongest);
     }},
    {"conventional",
     [](const EngineSettings& s, std::uint64_t seed) -> std::unique_ptr<Engine> {
         return std::make_unique<Conventional>(s.conventional, seed);
     }},
    {"ladder",
     [](const EngineSettings& s, std::uint64_t) -> std::unique_ptr<Engine> {
         return std::make_unique<SupplicantLadder>(s.ladder);
     }},
    {"heuristic",
     [](const EngineSettings& s, std::uint64_t) -> std::unique_ptr<Engine> {
         return std::make_unique<Heuristic>(s.heuristic);
     }},
    {"manual",
     [](const EngineSettings& s, std::uint64_t seed) -> std::unique_ptr<Engine> {
         return std::make_unique<Manual>(s.manual, seed);
     }},
    {"handover",
     [](const EngineSettings& s, std::uint64_t) -> std::unique_ptr<Engine> {
         return std::make_unique<SignalHandover>(s.handover);
     }},
    {"closed-loop",
     [](const EngineSettings& s, std::uint64_t) -> std::unique_ptr<Engine> {
         return std::make_unique<ClosedLoop>(s.closed_loop);
     }},
    {"pmp", make_pmp},
    {"hybrid",
     [](const EngineSettings& s, std::uint64_t) -> std::unique_ptr<Engine> {
         return std::make_unique<Hybrid>(s.hybrid);
     }},
    {"pareto",
     [](const EngineSettings& s, std::uint64_t seed) -> std::unique_ptr<Engine> {
         return std::make_unique<ParetoEngine>(s.pareto, seed);
     }},
    {"saw", [](const EngineSettings& s, std::uint64_t) { return make_madm("saw", s.madm, MadmMethod::saw); }},
    {"mew", [](const EngineSettings& s, std::uint64_t) { return make_madm("mew", s.madm, MadmMethod::mew); }},
    {"topsis", [](const EngineSettings& s, std::uint64_t) { return make_madm("topsis", s.madm, MadmMethod::topsis); }},
    {"ahp", make_ahp},
}};

}  // namespace

/// Bandwidth twice as much as power and thrice as much as moves; power half again as much as moves.
PairwiseMatrix EngineSettings::usual_judgements() {
    PairwiseMatrix matrix{};
    matrix[0] = {1, 2, 3};
    matrix[1] = {1.0 / 2, 1, 1.5};
    matrix[2] = {1.0 / 3, 1 / 1.5, 1};
    return matrix;
}

std::span<const std::string_view> engine_names() {
    static constexpr auto kNames = [] {
        std::array<std::string_view, kEntries.size()> names{};
        for (std::size_t i = 0; i < kEntries.size(); ++i) {
            names[i] = kEntries[i].name;
        }
        return names;
    }();
    return kNames;
}

std::unique_ptr<Engine> make_engine(std::string_view name, const EngineSettings& settings, std::uint64_t seed) {
    for (const Entry& entry : kEntries) {
        if (entry.name == name) {
            return entry.make(settings, seed);
        }
    }
    return nullptr;
}

}  // namespace homeward::selection
