#include "config/engine.h"

#include <algorithm>
#include <cmath>

#include "engine_reader.h"
#include "selection/names.h"

namespace homeward::config {
namespace {

using std::chrono::milliseconds;

void read_field(const Value& value, const Field& field) {
    struct Reader {
        const Value& value;
        const Field& field;

        void operator()(double* out) const { *out = value.real(field.least, field.most); }
        void operator()(Seconds out) const {
            const auto in_ms = [](double s) { return milliseconds{std::llround(s * 1000)}; };
            const double most = std::min(field.most, 1e6);
            *out.value = static_cast<double>(value.duration(in_ms(field.least), in_ms(most)).count()) / 1000;
        }
        void operator()(std::uint32_t* out) const { *out = static_cast<std::uint32_t>(whole_within()); }
        void operator()(std::uint64_t* out) const { *out = whole_within(); }
        void operator()(bool* out) const { *out = value.boolean(); }
        std::uint64_t whole_within() const {
            return value.number<std::uint64_t>(static_cast<std::uint64_t>(field.least),
                                               static_cast<std::uint64_t>(field.most));
        }
    };
    std::visit(Reader{value, field}, field.target);
}

/// The value as text that is equal exactly where the values are.
void append_text(const Value& value, std::string& out) {
    if (value.is_map()) {
        out += '{';
        for (const auto& [name, item] : Map::named(value)) {
            out += name + ':';
            append_text(item, out);
        }
        out += '}';
    } else if (value.is_sequence()) {
        out += '[';
        for (std::size_t i = 0; i < value.items(); ++i) {
            append_text(value.item(i), out);
        }
        out += ']';
    } else {
        out += '"' + std::string{value.raw()} + '"';
    }
}

std::string read_engine_name(const Value& value) {
    const auto names = selection::engine_names();
    if (value.raw() == "none") {
        return {};
    }
    if (std::find(names.begin(), names.end(), value.raw()) == names.end()) {
        std::string known = "none";
        for (const std::string_view name : names) {
            known += ", " + std::string{name};
        }
        value.expected("one of " + known);
    }
    return std::string{value.raw()};
}

void read_links(const Value& value, const std::vector<UplinkConfig>& uplinks, Engine& out) {
    for (const auto& [name, item] : Map::named(value)) {
        const bool known =
            std::any_of(uplinks.begin(), uplinks.end(), [&name = name](const auto& each) { return each.name == name; });
        if (!known) {
            item.fail("no uplink is called so");
        }
        EngineLink& link = out.links[name];
        const Map map{item, {"cost_per_mb", "quota_mb", "rate_mbps", "domain"}};
        const auto read = [&](std::string_view key, selection::Known& known_value) {
            if (const auto found = map.find(key)) {
                known_value = found->real(0, 1e9);
            }
        };
        read("cost_per_mb", link.cost_per_mb);
        read("quota_mb", link.quota_mb);
        read("rate_mbps", link.rate_mbps);
        if (const auto domain = map.find("domain")) {
            link.domain = selection::domain_of(domain->text(1, 64));
        }
    }
}

void read_flows(const Value& value, EngineFlows& out) {
    read_fields(value, {{"least_mbps", &out.least_mbps, 0.001, 100'000},
                        {"memory", Seconds{&out.memory_s}, 2, 3600},
                        {"most", &out.most, 1, selection::kMaxFlows}});
}

void read_apps(const Value& value, Engine& out) {
    constexpr std::size_t kMost = 64;
    if (value.is_sequence() && value.items() > kMost) {
        value.fail("expected at most " + std::to_string(kMost) + " applications");
    }
    for (std::size_t i = 0; i < value.items() && i < kMost; ++i) {
        const Value item = value.item(i);
        selection::AppNeed need;
        std::uint32_t app = 0;
        read_fields(item, {{"app", &app, 1, 65535},
                           {"time_critical", &need.time_critical},
                           {"mbps", &need.mbps, 0.001, 100'000},
                           {"continuity", &need.continuity, 0, 1}});
        need.app = static_cast<std::uint16_t>(app);
        if (app == 0) {
            item.fail("the key \"app\" is missing: the correspondent's port by which the application is known");
        }
        out.apps.push_back(need);
    }
}

/// Beside the configuration, unless it is absolute.
std::filesystem::path read_path(const Value& value) {
    return std::filesystem::path(value.file()).parent_path() / value.text();
}

void read_training(const Value& value, Engine& out) {
    for (std::size_t i = 0; i < value.items(); ++i) {
        out.training.push_back(read_path(value.item(i)));
    }
}

/// What an engine cannot do without, and would otherwise not start for.
void check_complete(const Value& value, const Engine& engine) {
    const selection::SiteMap& site = engine.name == "hybrid" ? engine.settings.hybrid.site : engine.settings.pmp.site;
    const bool by_place = engine.name == "pmp" || engine.name == "hybrid";
    if (by_place && (site.points.empty() || site.path.size() < 2)) {
        value.fail(engine.name + " needs site.points, and site.path with two places or more");
    } else if (!engine.name.empty() && !value.report().failed() &&
               selection::make_engine(engine.name, engine.settings, engine.seed) == nullptr) {
        value.fail("the constants of " + engine.name + " contradict each other");
    }
}

}  // namespace

Map read_fields(const Value& value, const std::vector<Field>& fields, const std::vector<std::string_view>& others) {
    std::vector<std::string_view> known = others;
    for (const Field& field : fields) {
        known.push_back(field.key);
    }
    const Map map{value, known};
    for (const Field& field : fields) {
        if (const auto found = map.find(field.key)) {
            read_field(*found, field);
        }
    }
    return map;
}

selection::InterfaceId read_uplink_name(const Value& value, const std::vector<UplinkConfig>& uplinks) {
    for (std::size_t i = 0; i < uplinks.size(); ++i) {
        if (uplinks[i].name == value.raw()) {
            return static_cast<selection::InterfaceId>(i + 1);
        }
    }
    value.expected("the name of an uplink");
    return 1;
}

Engine read_engine(const Value& value, const std::vector<UplinkConfig>& uplinks) {
    Engine out;
    append_text(value, out.written);
    if (value.is_scalar()) {
        out.name = read_engine_name(value);
        check_complete(value, out);
        return out;
    }
    double interval = 1;
    double rate_memory = 300;
    std::uint32_t deadline = 750;
    std::vector<std::string_view> others = {"use", "links", "flows", "apps", "training", "site", "state"};
    for (const std::string_view section : engine_sections()) {
        others.push_back(section);
    }
    const Map map = read_fields(value,
                                {{"seed", &out.seed, 0, 1e18},
                                 {"interval", Seconds{&interval}, 0.05, 60},
                                 {"deadline_us", &deadline, 10, 1'000'000},
                                 {"dwell", Seconds{&out.selector.guard.dwell_s}, 0, 3600},
                                 {"pending", Seconds{&out.selector.guard.pending_s}, 0.1, 60},
                                 {"stale_periods", &out.selector.surroundings.stale_periods, 1, 100},
                                 {"rate_memory", Seconds{&rate_memory}, 0, 86'400},
                                 {"position_age", Seconds{&out.selector.surroundings.position_age_s}, 0.1, 3600}},
                                others);
    out.interval = milliseconds{std::llround(interval * 1000)};
    out.selector.surroundings.period_s = interval;
    out.rate_memory_s = static_cast<std::uint32_t>(rate_memory);
    out.deadline = std::chrono::microseconds{deadline};
    if (const auto use = map.require("use")) {
        out.name = read_engine_name(*use);
    }
    if (const auto site = map.find("site")) {
        out.settings.pmp.site = out.settings.hybrid.site = read_site(*site, uplinks);
    }
    for (const std::string_view section : engine_sections()) {
        if (const auto found = map.find(section)) {
            read_engine_section(section, *found, uplinks, out.settings);
        }
    }
    if (const auto links = map.find("links")) {
        read_links(*links, uplinks, out);
    }
    if (const auto flows = map.find("flows")) {
        read_flows(*flows, out.flows);
    }
    if (const auto apps = map.find("apps")) {
        read_apps(*apps, out);
    }
    if (const auto training = map.find("training")) {
        read_training(*training, out);
    }
    if (const auto state = map.find("state")) {
        out.state = read_path(*state);
    }
    check_complete(value, out);
    return out;
}

}  // namespace homeward::config
