#include <cmath>
#include <cstdlib>
#include <string_view>

#include "replay/trace_run.h"
#include "selection/catalogue.h"

/// A trace that is taken runs through engines of every kind: no engine changes to a link that is not up while another
/// one is, and what is accounted for stays a number. The first byte chooses the engine, the rest is the trace.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace homeward;
    constexpr std::size_t kMostMoments = 200;
    if (size == 0) {
        return 0;
    }
    const auto trace = trace::parse_links("trace", {reinterpret_cast<const char*>(data) + 1, size - 1});
    if (!trace || trace->moments.size() > kMostMoments) {
        return 0;
    }
    const auto names = selection::engine_names();
    selection::EngineSettings settings;
    settings.pmp.site.path = settings.hybrid.site.path = {{0, 0}, {200, 0}};
    settings.pmp.site.points = settings.hybrid.site.points = {{{1, 0}, {0, 0}}, {{2, 0}, {200, 0}}};
    settings.pmp.learn_online = true;
    settings.pareto.genetic.generations = 2;
    selection::Selector selector{selection::make_engine(names[data[0] % names.size()], settings, 1), {}};
    replay::TraceRun run{selector, {}, nullptr};
    run.run(*trace, {});
    const replay::Metrics& metrics = run.metrics();
    for (const double value : {metrics.energy_j, metrics.carried_mb, metrics.interrupted_s, metrics.offloaded}) {
        if (std::isnan(value) || value < 0) {
            std::abort();
        }
    }
    for (const replay::Change& change : run.changes()) {
        for (const trace::Moment& moment : trace->moments) {
            replay::Interfaces interfaces = run.interfaces();
            selection::Observation seen;
            replay::observe(moment, interfaces, seen);
            for (const selection::Link& link : seen.links) {
                if (moment.t_s == change.t_s && link.key == change.to && !link.up && change.from != change.to) {
                    std::abort();
                }
            }
        }
    }
    return 0;
}
