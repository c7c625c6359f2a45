#include "report.h"

#include <fmt/format.h>

#include "words.h"

namespace homeward::cli {

namespace {

using Align = Table::Align;

std::string list(const Answer& names) {
    std::string text;
    for (const Answer& name : names.items()) {
        text += (text.empty() ? "" : ", ") + name.as_text();
    }
    return text.empty() ? "drop" : text;
}

std::string ago(const Answer& of, std::string_view key) {
    const auto seconds = of.number(key);
    return seconds ? ago_text(*seconds) : "-";
}

std::string until(const Answer& of, std::string_view key) {
    const auto seconds = of.number(key);
    return seconds ? until_text(*seconds) : "-";
}

std::string generation_text(const Answer& generation) {
    return fmt::format("version {}, digest {}", generation.count("version"), short_digest(generation.text("digest")));
}

std::string line(const Paint& paint, std::string_view name, std::string_view value, Colour colour = Colour::none) {
    return fmt::format("  {} {}\n", paint(Colour::bold, fmt::format("{}:", name)), paint(colour, value));
}

std::string title(const Paint& paint, std::string_view name, std::string_view value) {
    return fmt::format("{} {}\n", paint(Colour::green, fmt::format("{}:", name)), value);
}

/// What both ends say about the policy, on one line.
std::string policy_summary(const Answer& policy) {
    const std::string own = fmt::format("{}, {}", generation_text(policy.at("generation")),
                                        count_text(policy.count("total_rules"), "rule"));
    const Answer peer = policy.at("peer");
    if (policy.is("synchronised")) {
        return own + "; the same at the other end";
    }
    return peer.present() ? own + "; the other end has " + generation_text(peer) : own + "; the other end has none";
}

std::string care_of(const Answer& uplink) {
    std::string text = fmt::format("{}:{}", uplink.text("care_of"), uplink.count("port"));
    if (uplink.is("nat")) {
        text += fmt::format(" (NAT, is {})", uplink.text("registered_care_of"));
    }
    return text;
}

std::string node_name(const Answer& binding) {
    const std::string nai = binding.text("nai", "");
    return binding.text("home_address") + (nai.empty() ? "" : " (" + nai + ")");
}

std::string policy_origin(const Answer& policy) {
    const std::string source = policy.text("source", "none");
    if (source == "none") {
        return "none: the first uplink that is up";
    }
    const std::string_view from = source == "node"         ? "the node's own"
                                  : source == "home-agent" ? "the home agent's"
                                                           : std::string_view(source);
    return fmt::format("{}, {}, {}", from, generation_text(policy), count_text(policy.count("rules"), "rule"));
}

std::string binding_report(const Answer& binding, const Paint& paint) {
    std::string out = title(paint, "binding", node_name(binding));
    out += line(paint, "policy", policy_origin(binding.at("policy")));
    for (const Answer& uplink : binding.at("uplinks").items()) {
        const std::string state = uplink.is("up") ? "up" : "down";
        out += fmt::format("  {} {}, label {}, {}, registered {}, expires {}\n",
                           paint(Colour::bold, fmt::format("uplink {}:", uplink.text("technology"))), care_of(uplink),
                           uplink.count("label"), paint(state_colour(state), state), ago(uplink, "registered_ago_s"),
                           until(uplink, "expires_in_s"));
    }
    return out;
}

/// `fast`, or `slow (why)`.
std::string path_text(const Answer& path) {
    const std::string reason = path.text("reason", "");
    return path.text("path") + (reason.empty() ? "" : " (" + reason + ")");
}

/// What probes found besides the round trip, if there were any.
std::string probes_text(const Answer& uplink) {
    std::string text;
    if (const auto jitter = uplink.number("jitter_ms")) {
        text += fmt::format(", jitter {:.1f} ms", *jitter);
    }
    if (const auto loss = uplink.number("loss")) {
        text += fmt::format(", loss {:.0f} %", *loss * 100);
    }
    return text;
}

std::string uplink_report(const Answer& uplink, const Paint& paint) {
    const std::string state = uplink.text("state");
    const std::string reason = uplink.text("reason", "");
    std::string out =
        title(paint, "uplink",
              fmt::format("{} ({}, label {})", uplink.text("name"), uplink.text("interface"), uplink.count("label")));
    out += line(paint, "state", reason.empty() ? state : state + ": " + reason, state_colour(state));
    if (uplink.at("address").present()) {
        out += line(paint, "care-of address",
                    fmt::format("{} via {}", uplink.text("address"), uplink.text("gateway", "no gateway")));
    }
    if (uplink.number("last_reply_ago_s")) {
        out += line(paint, "registration",
                    fmt::format("last reply {}, renews {}, expires {}", ago(uplink, "last_reply_ago_s"),
                                until(uplink, "renews_in_s"), until(uplink, "expires_in_s")));
    }
    if (const auto rtt = uplink.number("rtt_ms")) {
        out += line(paint, "round trip",
                    fmt::format("{:.1f} ms{}, tunnel MTU {}", *rtt, probes_text(uplink), uplink.count("tunnel_mtu")));
    }
    if (uplink.at("path_up").present()) {
        out += line(paint, "path",
                    fmt::format("up {}, down {}", path_text(uplink.at("path_up")), path_text(uplink.at("path_down"))));
    }
    const Answer signal = uplink.at("signal");
    if (const auto rssi = signal.number("rssi_dbm")) {
        const auto rate = signal.number("tx_mbps");
        out += line(paint, "signal",
                    fmt::format("{:.0f} dBm{}", *rssi, rate ? fmt::format(", {:.0f} Mbit/s on the air", *rate) : ""));
    }
    out += line(
        paint, "transfer",
        fmt::format("{} received ({}), {} sent ({})", bytes_text(uplink.number("rx_bytes").value_or(0)),
                    rate_text(uplink.number("rx_bps").value_or(0)), bytes_text(uplink.number("tx_bytes").value_or(0)),
                    rate_text(uplink.number("tx_bps").value_or(0))));
    if (const std::uint64_t copies = uplink.count("tx_copies"); copies != 0) {
        out += line(paint, "redundant", count_text(copies, "packet") + " of those sent left by another uplink, too");
    }
    if (uplink.number("rate_down_bps").value_or(0) > 0 || uplink.number("rate_up_bps").value_or(0) > 0) {
        out += line(paint, "most in a second",
                    fmt::format("{} received, {} sent", rate_text(uplink.number("rate_down_bps").value_or(0)),
                                rate_text(uplink.number("rate_up_bps").value_or(0))));
    }
    return out;
}

std::string node_head(const Overview& overview, const Paint& paint) {
    const Answer& status = overview.status;
    const std::string state = status.text("state");
    std::string out = line(paint, "home address", status.text("home_address", "not assigned yet"));
    out += line(paint, "home agent", status.text("home_agent"));
    out += line(paint, "state", state, state_colour(state));
    const std::string reason = status.text("steering_reason", "");
    out += line(paint, "steering", status.text("steering") + (reason.empty() ? "" : ": " + reason));
    if (const std::string kill_switch = status.text("kill_switch", "off"); kill_switch != "off") {
        out += line(paint, "kill switch", kill_switch);
    }
    if (overview.policy.present()) {
        out += line(paint, "policy", policy_summary(overview.policy));
    }
    return out;
}

std::string home_agent_head(const Overview& overview, const Paint& paint) {
    const Answer dataplane = overview.status.at("dataplane");
    std::string out =
        dataplane.is("connected")
            ? line(paint, "data plane",
                   fmt::format("connected, pid {}, {}", dataplane.count("pid"),
                               count_text(dataplane.count("workers"), "worker")))
            : line(paint, "data plane", "not connected: new registrations are denied until it is", Colour::red);
    const auto bindings = overview.bindings.at("bindings").items();
    std::size_t uplinks = 0;
    for (const Answer& binding : bindings) {
        uplinks += binding.at("uplinks").items().size();
    }
    out += line(paint, "registered", count_text(bindings.size(), "node") + ", " + count_text(uplinks, "uplink"));
    return out;
}

}  // namespace

std::string overview_report(const Overview& overview, double now_unix, const Paint& paint) {
    const Answer& status = overview.status;
    const bool node = status.text("role") == "mobile-node";
    const double up = now_unix - status.number("started_unix").value_or(now_unix);
    std::string out =
        title(paint, node ? "mobile node" : "home agent",
              fmt::format("release {}, pid {}, up {}", status.text("release"), status.count("pid"), duration_text(up)));
    out += node ? node_head(overview, paint) : home_agent_head(overview, paint);
    if (status.at("last_error").present() && !status.text("last_error", "").empty()) {
        out += line(paint, "last error", status.text("last_error"), Colour::red);
    }
    const std::string parts =
        node ? uplinks_report(overview.uplinks, paint) : bindings_report(overview.bindings, paint);
    return out + (parts.empty() ? "" : "\n" + parts);
}

std::string bindings_report(const Answer& bindings, const Paint& paint) {
    std::string out;
    for (const Answer& binding : bindings.at("bindings").items()) {
        out += (out.empty() ? "" : "\n") + binding_report(binding, paint);
    }
    return out.empty() ? "no node is registered\n" : out;
}

std::string uplinks_report(const Answer& uplinks, const Paint& paint) {
    std::string out;
    Table flat({Align::left, Align::right, Align::left, Align::left, Align::left, Align::left});
    for (const Answer& uplink : uplinks.at("uplinks").items()) {
        if (!uplink.at("home_address").present()) {
            out += (out.empty() ? "" : "\n") + uplink_report(uplink, paint);
            continue;
        }
        // The home agent's view: one line for each, of many nodes.
        if (flat.empty()) {
            flat.row({{"home address"}, {"label"}, {"technology"}, {"care-of address"}, {"state"}, {"expires"}});
        }
        const std::string state = uplink.is("up") ? "up" : "down";
        flat.row({{uplink.text("home_address")},
                  {uplink.text("label")},
                  {uplink.text("technology")},
                  {care_of(uplink)},
                  {state, state_colour(state)},
                  {until(uplink, "expires_in_s")}});
    }
    out += flat.text(paint);
    return out.empty() ? "no uplinks\n" : out;
}

/// "wlan, cellular" or "by two of wlan, cellular"; where the rule spreads "spread over wlan 4, cellular 1, else
/// satellite".
std::string choice_text(const Answer& rule) {
    const std::string mode = rule.text("mode", "prefer");
    if (mode == "prefer" || mode == "redundant") {
        return (mode == "prefer" ? "" : "by two of ") + list(rule.at("uplinks"));
    }
    const bool by_rate = rule.text("mode") == "spread-by-rate";
    const auto weights = rule.at("weights").items();
    std::string members;
    std::string reserve;
    std::size_t place = 0;
    for (const Answer& uplink : rule.at("uplinks").items()) {
        const std::uint64_t weight = place < weights.size() ? weights[place].as_count() : 0;
        ++place;
        std::string& part = weight == 0 ? reserve : members;
        part += (part.empty() ? "" : ", ") + uplink.as_text() +
                (weight == 0 || by_rate ? "" : " " + std::to_string(weight));
    }
    return (by_rate ? "spread by rate over " : "spread over ") + members + (reserve.empty() ? "" : ", else " + reserve);
}

std::string policy_report(const Answer& policy, const Paint& paint) {
    if (policy.at("generation").text("digest", "").empty()) {
        return "no policy is in force: the first uplink that is up carries everything\n";
    }
    std::string out = fmt::format("{} {}\n", paint(Colour::bold, "policy:"), policy_summary(policy));
    out += fmt::format("{} {}\n", paint(Colour::bold, "default:"), list(policy.at("default")));
    std::string rates;
    for (const auto& [name, rate] : policy.at("rates").members()) {
        rates += fmt::format("{}{} {}", rates.empty() ? "" : ", ", name, rate.as_count());
    }
    if (!rates.empty()) {
        out += fmt::format("{} {}\n", paint(Colour::bold, "relative rates:"), rates);
    }
    Table table({Align::right, Align::left, Align::left, Align::left, Align::left, Align::left},
                {"rule", "name", "correspondent", "protocol", "ports", "uplinks"});
    const auto rules = policy.at("rules").items();
    for (const Answer& rule : rules) {
        table.row({{rule.text("index")},
                   {rule.text("name")},
                   {rule.text("correspondent")},
                   {rule.text("protocol")},
                   {rule.text("ports")},
                   {choice_text(rule)}});
    }
    out += table.text(paint);
    if (policy.count("total_rules") > rules.size()) {
        out += fmt::format("{} of {}: --all shows every one\n", grouped(rules.size()),
                           count_text(policy.count("total_rules"), "rule"));
    }
    return out;
}

std::string drops_report(const Answer& drops, const Paint& paint) {
    Table table({Align::right, Align::left});
    std::uint64_t total = 0;
    for (const auto& [name, value] : drops.at("drops").members()) {
        const std::uint64_t count = value.as_count();
        total += count;
        table.row({{grouped(count), count == 0 ? Colour::dim : Colour::red}, {name}});
    }
    table.row({{grouped(total), Colour::bold}, {"in all", Colour::bold}});
    return table.text(paint);
}

std::string stats_report(const Answer& stats, const Paint& paint) {
    Table table({Align::right, Align::left, Align::left});
    for (const auto& [name, value] : stats.at("counters").members()) {
        const std::uint64_t count = value.as_count();
        const bool bytes = name.ends_with("bytes") && count >= 1024;
        table.row({{grouped(count)}, {name}, {bytes ? bytes_text(static_cast<double>(count)) : ""}});
    }
    return table.empty() ? "no counters\n" : table.text(paint);
}

std::string route_report(const Answer& route, const Paint& paint) {
    const Answer rule = route.at("rule");
    std::string name = "default";
    if (rule.present()) {
        const std::string given = rule.text("name", "");
        name = rule.text("index") + (given.empty() ? "" : " (" + given + ")");
    }
    const bool chosen = route.at("chosen").present();
    return fmt::format("{} by {}, rule {}\n  uplinks in order: {}\n  {}\n", route.text("to"),
                       paint(chosen ? Colour::green : Colour::red, route.text("chosen", "no uplink")), name,
                       list(route.at("uplinks")), route.text("why"));
}

std::string reload_report(const Answer& reload, std::string_view daemon) {
    const auto restart = reload.at("needs_restart").items();
    std::string out = fmt::format("{}: configuration {}\n", daemon, reload.is("applied") ? "applied" : "not applied");
    if (!restart.empty()) {
        out += fmt::format("{}: changed but in force only after a restart: {}\n", daemon,
                           list(reload.at("needs_restart")));
    }
    return out;
}

std::string event_report(const Answer& event, std::string_view local_time, const Paint& paint) {
    const std::string word = event.text("event");
    Colour colour = Colour::none;
    for (const std::string_view bad : {"lost", "down", "denied", "removed", "failed"}) {
        colour = word.find(bad) != std::string::npos ? Colour::red : colour;
    }
    for (const std::string_view good : {"registered", "-up", "synchronised", "connected", "applied"}) {
        colour = word.ends_with(good) ? Colour::green : colour;
    }
    return fmt::format("{}  {}{}  {}\n", local_time, paint(colour, word),
                       std::string(word.size() < 22 ? 22 - word.size() : 0, ' '), event.text("text", ""));
}

}  // namespace homeward::cli
