#include "replay.h"

#include <fmt/format.h>

#include <chrono>
#include <nlohmann/json.hpp>
#include <ostream>

#include "config/mobile_node.h"
#include "paint.h"
#include "replay/trace_run.h"
#include "replay/training.h"
#include "selection/catalogue.h"
#include "selection/names.h"
#include "words.h"

namespace homeward::cli {
namespace {

using nlohmann::json;
using replay::Change;
using replay::Metrics;
using replay::TraceRun;

std::uint64_t microseconds() {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now().time_since_epoch())
            .count());
}

/// The engine's constants and the interfaces' numbers: of the node's file, else the defaults.
Result<config::MobileNode> settings_of(const Options& options) {
    return options.config.empty() ? config::MobileNode{} : config::load_mobile_node(options.config);
}

Result<std::unique_ptr<selection::Engine>> engine_of(const config::MobileNode& node, const std::string& name) {
    if (name.empty()) {
        return Error{"no engine is named: --engine NAME, or --config with an engine in it"};
    }
    auto engine = selection::make_engine(name, node.engine.settings, node.engine.seed);
    if (!engine) {
        return Error{name + " lacks constants that it cannot do without (a site, for pmp): give them with --config"};
    }
    if (const Status learned = replay::train(*engine, node.engine.settings.pmp.period_s, node.engine.training);
        !learned) {
        return learned.error();
    }
    return engine;
}

std::string link_text(const TraceRun& run, selection::LinkKey key) {
    const std::string& interface = run.interfaces().name(key.interface);
    return key.bssid == 0 ? interface : interface + " " + selection::bssid_text(key.bssid);
}

json change_json(const TraceRun& run, const Change& change) {
    json moves = json::array();
    for (const selection::FlowMove& move : change.moves) {
        moves.push_back({{"flow", move.flow}, {"to", run.interfaces().name(move.to)}});
    }
    return {{"t_s", change.t_s},
            {"from", link_text(run, change.from)},
            {"to", link_text(run, change.to)},
            {"reason", selection::name(change.reason)},
            {"confidence", change.confidence},
            {"moves", std::move(moves)}};
}

json metrics_json(const Metrics& m) {
    return {{"duration_s", m.duration_s},
            {"goodput_mbps", m.goodput_mbps},
            {"p5_mbps", m.p5_mbps},
            {"p50_mbps", m.p50_mbps},
            {"handovers", m.handovers},
            {"ping_pongs", m.ping_pongs},
            {"flow_moves", m.flow_moves},
            {"interruptions", m.interruptions},
            {"interrupted_s", m.interrupted_s},
            {"longest_interruption_s", m.longest_s},
            {"carried_mb", m.carried_mb},
            {"offloaded", m.offloaded},
            {"energy_j", m.energy_j},
            {"cost", m.cost},
            {"decision_p50_us", m.decision_p50_us},
            {"decision_p99_us", m.decision_p99_us},
            {"decision_max_us", m.decision_max_us}};
}

void print_changes(const TraceRun& run, std::ostream& out) {
    for (const Change& change : run.changes()) {
        if (change.from != change.to) {
            out << fmt::format("{:9.1f} s  {} -> {}, {}\n", change.t_s, link_text(run, change.from),
                               link_text(run, change.to), selection::name(change.reason));
        }
        for (const selection::FlowMove& move : change.moves) {
            out << fmt::format("{:9.1f} s  flow {} -> {}\n", change.t_s, move.flow, run.interfaces().name(move.to));
        }
    }
}

void print_metrics(const std::string& engine, const Metrics& m, std::ostream& out) {
    const auto row = [&](std::string_view name, const std::string& value) {
        out << fmt::format("  {:<16} {}\n", name, value);
    };
    out << fmt::format("{} over {:.1f} s\n", engine, m.duration_s);
    row("goodput", fmt::format("{:.2f} Mbit/s mean, {:.2f} median, {:.2f} in the worst twentieth", m.goodput_mbps,
                               m.p50_mbps, m.p5_mbps));
    row("handovers", fmt::format("{}, {} of them back within 10 s; {} moved", m.handovers, m.ping_pongs,
                                 count_text(m.flow_moves, "flow")));
    row("interrupted", fmt::format("{:.1f} s in {}, {:.1f} s at most", m.interrupted_s,
                                   count_text(m.interruptions, "interval"), m.longest_s));
    row("by WLAN", fmt::format("{:.0f} % of {:.1f} MB", m.offloaded * 100, m.carried_mb));
    row("energy", fmt::format("{:.1f} J", m.energy_j));
    row("cost", fmt::format("{:.3f}", m.cost));
    row("a decision",
        fmt::format("{:.0f} us, p99 {:.0f}, at most {:.0f}", m.decision_p50_us, m.decision_p99_us, m.decision_max_us));
}

std::vector<std::string> interfaces_of(const config::MobileNode& node) {
    std::vector<std::string> names;
    for (const config::UplinkConfig& uplink : node.uplinks) {
        names.push_back(uplink.interface);
    }
    return names;
}

int complain(const Surroundings& around, const std::string& text) {
    around.err << "homeward: " << text << '\n';
    return kFailure;
}

}  // namespace

int replay_trace(const Options& options, const Surroundings& around) {
    const auto trace = trace::load_links(options.file);
    if (!trace) {
        return complain(around, trace.error().text);
    }
    const auto flows = options.flows.empty() ? Result<std::vector<trace::Flow>>(std::vector<trace::Flow>{})
                                             : trace::load_flows(options.flows);
    if (!flows) {
        return complain(around, flows.error().text);
    }
    const auto node = settings_of(options);
    if (!node) {
        return complain(around, node.error().text);
    }
    const std::string name = options.engine.empty() ? node->engine.name : options.engine;
    auto engine = engine_of(*node, name);
    if (!engine) {
        return complain(around, engine.error().text);
    }
    selection::Selector selector{std::move(*engine), node->engine.selector};
    TraceRun run{selector, replay::Interfaces{interfaces_of(*node)}, microseconds};
    run.run(*trace, *flows);
    if (options.json) {
        json changes = json::array();
        for (const Change& change : run.changes()) {
            changes.push_back(change_json(run, change));
        }
        around.out
            << json{{"engine", name}, {"changes", std::move(changes)}, {"metrics", metrics_json(run.metrics())}}.dump()
            << '\n';
    } else {
        print_changes(run, around.out);
        print_metrics(name, run.metrics(), around.out);
    }
    return kSuccess;
}

}  // namespace homeward::cli
