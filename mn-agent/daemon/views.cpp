#include "views.h"

#include <unistd.h>

#include <charconv>
#include <map>
#include <nlohmann/json.hpp>

#include "admin/metrics.h"
#include "engine_view.h"

namespace homeward::mn {
namespace {

using nlohmann::json;

constexpr std::size_t kRulesShown = 1000;

double seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

json since(const std::optional<registration::Duration>& moment) {
    return moment ? json(seconds(Agent::monotonic() - *moment)) : json(nullptr);
}
json until(const std::optional<registration::Duration>& moment) {
    return moment ? json(seconds(*moment - Agent::monotonic())) : json(nullptr);
}

std::string uplink_state(const Agent& agent, unsigned slot) {
    switch (agent.coordinator().state(slot)) {
        case handover::State::down:
            return "down";
        case handover::State::hold_down:
            return "hold-down";
        case handover::State::silent:
            return "lost";
        case handover::State::draining:
            return "draining";
        case handover::State::attached:
            break;
    }
    return agent.uplink(slot).fault.empty() ? std::string(registration::name(agent.uplink(slot).binding.state))
                                            : "down";
}

std::string uplink_reason(const Agent& agent, unsigned slot) {
    if (const std::string reason = agent.coordinator().reason(slot); !reason.empty()) {
        return reason;
    }
    const UplinkRuntime& uplink = agent.uplink(slot);
    return uplink.fault.empty() ? uplink.binding.reason : uplink.fault;
}

/// An uplink without a socket carries nothing: null.
json way_view(const bpf::FastPath::Way& way, const UplinkRuntime& uplink) {
    if (!uplink.socket) {
        return nullptr;
    }
    return {{"path", way.fast ? "fast" : "slow"}, {"reason", way.reason}};
}

json milliseconds(const std::optional<handover::Duration>& time) {
    return time ? json(seconds(*time) * 1000) : json(nullptr);
}

/// What probes and transfers told of the path. Unknown is null.
json path_view(const Agent& agent, unsigned slot) {
    const handover::PathQuality& quality = agent.paths().quality(slot);
    const UplinkRuntime& uplink = agent.uplink(slot);
    const bool probed = quality.round_trip().has_value();
    return {{"rtt_ms", milliseconds(agent.round_trip(slot))},
            {"rtt_var_ms", probed ? milliseconds(quality.variation()) : json(nullptr)},
            {"jitter_ms", probed ? milliseconds(quality.jitter()) : json(nullptr)},
            {"loss", quality.loss() ? json(*quality.loss()) : json(nullptr)},
            {"rate_up_bps", uplink.tx_best.value()},
            {"rate_down_bps", uplink.rx_best.value()}};
}

json known(const std::optional<double>& value) {
    return value ? json(*value) : json(nullptr);
}

json signal_view(const Agent& agent, unsigned slot) {
    const std::optional<signal::Reading>& reading = agent.uplink(slot).radio;
    if (!reading) {
        return nullptr;
    }
    return {{"rssi_dbm", known(reading->rssi_dbm)},
            {"noise_dbm", known(reading->noise_dbm)},
            {"tx_mbps", known(reading->tx_mbps)},
            {"rx_mbps", known(reading->rx_mbps)},
            {"bssid", reading->bssid}};
}

json uplink_view(const Agent& agent, unsigned slot) {
    const config::UplinkConfig& configured = agent.config().uplinks[slot];
    const UplinkRuntime& uplink = agent.uplink(slot);
    const uplinks::Attachment& present = agent.coordinator().present(slot);
    const bpf::FastPath::Traffic sent = agent.sent(slot);
    const bpf::FastPath::Traffic received = agent.received(slot);
    const auto gateway = configured.gateway ? configured.gateway : present.gateway;
    json view{{"name", configured.name},
              {"interface", configured.interface},
              {"label", configured.label},
              {"state", uplink_state(agent, slot)},
              {"reason", uplink_reason(agent, slot)},
              {"address", present.address ? json(present.address->address.to_string()) : json(nullptr)},
              {"gateway", gateway ? json(gateway->to_string()) : json(nullptr)},
              {"usable", agent.coordinator().usable(slot)},
              {"port", uplink.port},
              {"tunnel_mtu", uplink.tunnel_mtu},
              {"last_reply_ago_s", since(uplink.binding.last_reply_at)},
              {"renews_in_s", until(uplink.binding.renews_at)},
              {"expires_in_s", until(uplink.binding.expires_at)},
              {"path_up", way_view(agent.way_up(slot), uplink)},
              {"path_down", way_view(agent.way_down(slot), uplink)},
              {"tx_packets", sent.packets},
              {"tx_bytes", sent.bytes},
              {"tx_copies", agent.loop().counters(slot).copies.load(std::memory_order_relaxed)},
              {"rx_packets", received.packets},
              {"rx_bytes", received.bytes},
              {"tx_bps", uplink.tx_bps},
              {"rx_bps", uplink.rx_bps}};
    view.update(path_view(agent, slot));
    view["signal"] = signal_view(agent, slot);
    return view;
}

std::string node_state(const Agent& agent) {
    std::string state = "down";
    for (unsigned slot = 0; slot < agent.config().uplinks.size(); ++slot) {
        if (agent.coordinator().usable(slot)) {
            return "bound";
        }
        if (state == "down") {
            state = uplink_state(agent, slot);
        }
    }
    return state;
}

std::string_view offload_name(tunnel::TunDevice::Offload offload) {
    switch (offload) {
        case tunnel::TunDevice::Offload::none:
            return "none";
        case tunnel::TunDevice::Offload::tcp:
            return "tcp";
        case tunnel::TunDevice::Offload::tcp_udp:
            return "tcp, udp";
    }
    return "";
}

std::string_view kill_switch_name(config::KillSwitch kill_switch) {
    switch (kill_switch) {
        case config::KillSwitch::off:
            return "off";
        case config::KillSwitch::on:
            return "on";
        case config::KillSwitch::always:
            return "always";
    }
    return "";
}

json status_view(const Agent& agent, std::time_t started) {
    const auto home = agent.home_address();
    return {{"role", "mobile-node"},
            {"release", HOMEWARD_RELEASE},
            {"started_unix", started},
            {"pid", ::getpid()},
            {"nai", agent.config().nai},
            {"home_address", home ? json(home->to_string()) : json(nullptr)},
            {"home_agent", agent.client().home_agent().to_string()},
            {"interface", agent.config().interface},
            {"interface_mtu", agent.interface_mtu()},
            {"state", node_state(agent)},
            {"steering", agent.steering() != nullptr ? "bpf" : "user-space"},
            {"steering_reason", agent.steering_reason()},
            {"offload", offload_name(agent.tun().offload())},
            {"signal_source", agent.signal_source()},
            {"signal_reason", agent.signal_reason()},
            {"ipv6", agent.config().ipv6 == config::Ipv6::block ? "blocked" : "left alone"},
            {"kill_switch", kill_switch_name(agent.config().kill_switch)},
            {"last_error", agent.last_error()}};
}

std::string label_name(const Agent& agent, policy::Label label) {
    const config::UplinkConfig* uplink = agent.configured(label);
    return uplink == nullptr ? std::to_string(label) : uplink->name;
}

json label_names(const Agent& agent, const policy::LabelList& labels) {
    json names = json::array();
    for (const policy::Label label : labels) {
        names.push_back(label_name(agent, label));
    }
    return names;
}

constexpr std::array<std::pair<std::string_view, std::uint8_t>, 4> kProtocols{
    {{"icmp", 1}, {"tcp", 6}, {"udp", 17}, {"sctp", 132}}};

std::string protocol_name(std::uint8_t protocol) {
    if (protocol == policy::kAnyProtocol) {
        return "any";
    }
    for (const auto& [name, number] : kProtocols) {
        if (number == protocol) {
            return std::string(name);
        }
    }
    return std::to_string(protocol);
}

std::string ports_text(const policy::PortRange& ports) {
    if (ports.any()) {
        return "any";
    }
    return ports.first == ports.last ? std::to_string(ports.first)
                                     : std::to_string(ports.first) + "-" + std::to_string(ports.last);
}

const std::string& rule_name(const Agent& agent, std::size_t index) {
    static const std::string kNone;
    const std::vector<std::string>& names = agent.config().policy.names;
    return index < names.size() ? names[index] : kNone;
}

json generation_view(const policy::Generation& generation) {
    return {{"version", generation.version}, {"digest", policy::to_hex(generation.digest)}};
}

/// What the rule carried since it came into force, where the kernel counts it.
void put_traffic(const Agent& agent, std::uint32_t rule, json& view) {
    if (agent.steering() != nullptr && rule < HOMEWARD_RULES_COUNTED) {
        const homeward_traffic traffic = agent.steering()->carried_by(rule);
        view["packets"] = traffic.packets;
        view["bytes"] = traffic.bytes;
    }
}

/// By place in the rule's uplinks; null where it does not spread.
json weights_view(const policy::Rule& rule) {
    json weights = nullptr;
    for (std::size_t i = 0; policy::spreads(rule.mode) && i < rule.uplinks.size(); ++i) {
        weights.push_back(rule.weights[i]);
    }
    return weights;
}

/// By the uplinks' names; null while none was measured.
json rates_view(const Agent& agent, const policy::Rates& rates) {
    json relative = nullptr;
    for (const policy::Label label : rates.labels()) {
        relative[label_name(agent, label)] = rates.of(label);
    }
    return relative;
}

json policy_view(const Agent& agent, bool all) {
    const policy::Policy& policy = agent.config().policy.policy;
    json rules = json::array();
    for (std::size_t i = 0; i < policy.rules.size() && (all || i < kRulesShown); ++i) {
        const policy::Rule& rule = policy.rules[i];
        rules.push_back({{"index", i},
                         {"name", rule_name(agent, i)},
                         {"correspondent", rule.correspondent.to_string()},
                         {"protocol", protocol_name(rule.protocol)},
                         {"ports", ports_text(rule.ports)},
                         {"uplinks", label_names(agent, rule.uplinks)},
                         {"mode", policy::name_of(rule.mode)},
                         {"weights", weights_view(rule)}});
        put_traffic(agent, static_cast<std::uint32_t>(i), rules.back());
    }
    const auto& peer = agent.peer_policy();
    return {{"generation", generation_view(agent.generation())},
            {"peer", peer ? generation_view(peer->generation) : json(nullptr)},
            {"synchronised", peer && peer->synchronised},
            {"default", label_names(agent, policy.fallback)},
            {"rates", rates_view(agent, policy.rates)},
            {"rules", std::move(rules)},
            {"total_rules", policy.rules.size()}};
}

template <class T>
std::optional<T> number(std::string_view text) {
    T value{};
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    return error == std::errc{} && end == text.data() + text.size() ? std::optional<T>(value) : std::nullopt;
}

/// The flow a person asks about, or an error in their words.
Result<policy::FlowKey> flow_of(const admin::Request& request) {
    policy::FlowKey flow;
    const auto to = wire::Ipv4Address::parse(request.parameter("to"));
    if (!to) {
        return Error{"to: an IPv4 address is expected, not \"" + std::string(request.parameter("to")) + "\""};
    }
    flow.correspondent = *to;
    if (const std::string_view text = request.parameter("protocol"); !text.empty() && text != "any") {
        std::optional<std::uint8_t> protocol = number<std::uint8_t>(text);
        for (const auto& [name, value] : kProtocols) {
            protocol = name == text ? value : protocol;
        }
        if (!protocol) {
            return Error{"protocol: tcp, udp, icmp, sctp or a number is expected, not \"" + std::string(text) + "\""};
        }
        flow.protocol = *protocol;
    }
    if (const std::string_view text = request.parameter("port"); !text.empty()) {
        const auto port = number<std::uint16_t>(text);
        if (!port) {
            return Error{"port: 0-65535 is expected, not \"" + std::string(text) + "\""};
        }
        flow.has_port = true;
        flow.port = *port;
    }
    return flow;
}

/// The uplinks that flows of a candidate take now: the usable ones, reserves only where there is no other.
std::string spread_over(const Agent& agent, const policy::Candidate& candidate) {
    std::string members;
    std::string reserve;
    for (std::size_t place = 0; place < candidate.uplinks.size(); ++place) {
        for (unsigned slot = 0; slot < agent.config().uplinks.size(); ++slot) {
            const config::UplinkConfig& uplink = agent.config().uplinks[slot];
            if (uplink.label != candidate.uplinks[place] || !agent.coordinator().usable(slot)) {
                continue;
            }
            if (candidate.weights[place] != 0) {
                members += (members.empty() ? "" : ", ") + uplink.name;
            } else if (reserve.empty()) {
                reserve = uplink.name;
            }
        }
    }
    return members.empty() ? reserve : members;
}

/// The uplinks that each packet of a candidate leaves by now.
std::string both_of(const Agent& agent, const policy::Candidate& candidate) {
    std::string members;
    std::size_t count = 0;
    for (const policy::Label label : candidate.uplinks) {
        const unsigned slot = agent.slot_of(label);
        if (agent.coordinator().usable(slot) && count < 2) {
            members += (count++ == 0 ? "" : ", ") + agent.config().uplinks[slot].name;
        }
    }
    return members;
}

admin::Reply route_view(const Agent& agent, const admin::Request& request) {
    const Result<policy::FlowKey> flow = flow_of(request);
    if (!flow) {
        return admin::error_reply(400, flow.error().text);
    }
    const policy::Candidate& candidate = agent.table().lookup(flow.value());
    const bool fallback = candidate.rule == policy::kFallbackRule;
    std::string why =
        fallback ? "No rule matches, so the default decides"
                 : "Rule " + std::to_string(candidate.rule) +
                       (rule_name(agent, candidate.rule).empty() ? "" : " (" + rule_name(agent, candidate.rule) + ")") +
                       " matches first";
    json chosen = nullptr;
    for (const policy::Label label : candidate.uplinks) {
        for (unsigned slot = 0; slot < agent.config().uplinks.size() && chosen.is_null(); ++slot) {
            if (agent.config().uplinks[slot].label != label) {
                continue;
            }
            if (agent.coordinator().usable(slot)) {
                chosen = agent.config().uplinks[slot].name;
            } else {
                why += "; " + agent.config().uplinks[slot].name + " is not usable (" + uplink_state(agent, slot) + ")";
            }
        }
    }
    if (policy::spreads(candidate.mode) && !chosen.is_null()) {
        chosen = spread_over(agent, candidate);
        why += "; it spreads: each flow takes one of these uplinks, by its addresses and ports.";
    } else if (candidate.mode == policy::Mode::redundant && agent.numbering_agreed() && !chosen.is_null()) {
        chosen = both_of(agent, candidate);
        why += "; it is redundant: each packet leaves by each of these uplinks, the first copy counts.";
    } else {
        why += chosen.is_null() ? (candidate.uplinks.empty() ? "; it says drop." : "; no uplink is left.")
                                : "; " + chosen.get<std::string>() + " is the first usable uplink it names.";
    }
    json rule = nullptr;
    if (!fallback) {
        rule = {{"index", candidate.rule}, {"name", rule_name(agent, candidate.rule)}};
    }
    return admin::json_reply({{"to", flow.value().correspondent.to_string()},
                              {"rule", rule},
                              {"uplinks", label_names(agent, candidate.uplinks)},
                              {"chosen", chosen},
                              {"why", why}});
}

std::map<std::string, std::uint64_t> drops_of(const Agent& agent) {
    std::map<std::string, std::uint64_t> drops;
    for (std::size_t i = 0; i < tunnel::kDrops; ++i) {
        const auto drop = static_cast<tunnel::Drop>(i);
        drops[std::string(tunnel::name(drop))] = agent.loop().drops(drop);
    }
    const registration::Counters& counters = agent.client().counters();
    drops["registration.unframed"] = counters.replies_unframed;
    drops["registration.unauthenticated"] = counters.replies_unauthenticated;
    drops["registration.unexpected"] = counters.replies_unexpected;
    drops["registration.malformed"] = counters.replies_malformed;
    return drops;
}

std::map<std::string, std::uint64_t> counters_of(const Agent& agent) {
    const registration::Counters& client = agent.client().counters();
    std::map<std::string, std::uint64_t> counters{{"registration.requests_sent", client.requests_sent},
                                                  {"registration.retransmissions", client.retransmissions},
                                                  {"registration.replies_accepted", client.replies_accepted},
                                                  {"registration.replies_denied", client.replies_denied},
                                                  {"registration.resynchronisations", client.resynchronisations},
                                                  {"registration.policy_chunks_sent", client.policy_chunks_sent},
                                                  {"keepalive.sent", client.keepalives_sent},
                                                  {"keepalive.answered", client.keepalives_answered},
                                                  {"probe.sent", agent.probes_sent()},
                                                  {"probe.answered", agent.probes_answered()}};
    const bpf::Steering::Counters steering =
        agent.steering() != nullptr ? agent.steering()->counters() : bpf::Steering::Counters{};
    counters["bpf.steering_packets"] = steering[HOMEWARD_STEERING_PACKETS];
    counters["bpf.no_uplink"] = steering[HOMEWARD_STEERING_NO_UPLINK];
    counters["bpf.not_ipv4"] = steering[HOMEWARD_STEERING_NOT_IPV4];
    counters["bpf.no_entry"] = steering[HOMEWARD_STEERING_NO_ENTRY];
    counters["tunnel.copies_lost"] = agent.loop().copies_lost();
    for (unsigned slot = 0; slot < agent.config().uplinks.size(); ++slot) {
        const std::string prefix = "uplink." + agent.config().uplinks[slot].name + ".";
        const tunnel::UplinkCounters& uplink = agent.loop().counters(slot);
        const bpf::FastPath::Traffic sent = agent.sent(slot);
        const bpf::FastPath::Traffic received = agent.received(slot);
        counters[prefix + "tx_packets"] = sent.packets;
        counters[prefix + "tx_bytes"] = sent.bytes;
        counters[prefix + "rx_packets"] = received.packets;
        counters[prefix + "rx_bytes"] = received.bytes;
        counters[prefix + "tx_fast_packets"] = agent.sent_fast(slot).packets;
        counters[prefix + "rx_fast_packets"] = agent.received_fast(slot).packets;
        counters[prefix + "moved_in"] = uplink.moved.load(std::memory_order_relaxed);
        counters[prefix + "copies"] = uplink.copies.load(std::memory_order_relaxed);
    }
    return counters;
}

/// Samples of what is known; a path that was never measured has none.
void path_metrics(const Agent& agent, admin::MetricsText& text) {
    struct Gauge {
        const char* name;
        const char* key;
        const char* help;
        double scale;
    };
    static constexpr Gauge kGauges[] = {
        {"homeward_uplink_round_trip_seconds", "rtt_ms", "Smoothed round trip to the home agent.", 1e-3},
        {"homeward_uplink_jitter_seconds", "jitter_ms", "Mean difference of consecutive round trips.", 1e-3},
        {"homeward_uplink_loss_ratio", "loss", "Of the last 50 probes, those not answered.", 1},
        {"homeward_uplink_rate_up_bits", "rate_up_bps", "The most sent in a second of the last minute.", 1},
        {"homeward_uplink_rate_down_bits", "rate_down_bps", "The most received in a second of the last minute.", 1}};
    for (const Gauge& gauge : kGauges) {
        text.family(gauge.name, gauge.help, admin::MetricType::gauge);
        for (unsigned slot = 0; slot < agent.config().uplinks.size(); ++slot) {
            const json value = path_view(agent, slot)[gauge.key];
            if (value.is_number()) {
                text.sample({{"uplink", agent.config().uplinks[slot].name}}, value.get<double>() * gauge.scale);
            }
        }
    }
}

admin::Reply metrics_view(const Agent& agent) {
    admin::MetricsText text;
    text.family("homeward_uplink_usable", "1: flows may use the uplink.", admin::MetricType::gauge);
    for (unsigned slot = 0; slot < agent.config().uplinks.size(); ++slot) {
        text.sample({{"uplink", agent.config().uplinks[slot].name}},
                    std::uint64_t{agent.coordinator().usable(slot) ? 1U : 0U});
    }
    path_metrics(agent, text);
    text.family("homeward_drops_total", "Packets given up, by reason.", admin::MetricType::counter);
    for (const auto& [name, value] : drops_of(agent)) {
        text.sample({{"reason", name}}, value);
    }
    text.family("homeward_events_total", "What GET /v1/stats counts, by name.", admin::MetricType::counter);
    for (const auto& [name, value] : counters_of(agent)) {
        text.sample({{"name", name}}, value);
    }
    return admin::metrics_reply(text.text());
}

void answer_reload(Agent& agent, const admin::Respond& respond) {
    agent.reload([respond](const ReloadOutcome& outcome) {
        respond(outcome.status ? admin::json_reply({{"applied", true}, {"needs_restart", outcome.needs_restart}})
                               : admin::error_reply(422, outcome.status.error().text));
    });
}

admin::Reply change_uplink(Agent& agent, const admin::Request& request) {
    const Result<json> body = admin::json_body(request);
    if (!body) {
        return admin::error_reply(400, body.error().text);
    }
    static const std::map<std::string, handover::Request> kActions{
        {"up", handover::Request::up}, {"drain", handover::Request::drain}, {"down", handover::Request::down}};
    const json& document = body.value();
    const auto action = document.contains("action") && document["action"].is_string()
                            ? kActions.find(document["action"].get<std::string>())
                            : kActions.end();
    if (action == kActions.end()) {
        return admin::error_reply(400, "action: up, drain or down is expected");
    }
    if (!agent.request(request.tail, action->second)) {
        return admin::error_reply(404, "no uplink is called " + request.tail);
    }
    for (unsigned slot = 0; slot < agent.config().uplinks.size(); ++slot) {
        if (agent.config().uplinks[slot].name == request.tail) {
            return admin::json_reply({{"state", uplink_state(agent, slot)}});
        }
    }
    return admin::json_reply(json::object());
}

}  // namespace

void serve(admin::Server& server, Agent& agent) {
    const std::time_t started = std::time(nullptr);
    server.get("/v1/status", [&agent, started](const auto&) { return admin::json_reply(status_view(agent, started)); });
    server.get("/v1/uplinks", [&agent](const auto&) {
        json uplinks = json::array();
        for (unsigned slot = 0; slot < agent.config().uplinks.size(); ++slot) {
            uplinks.push_back(uplink_view(agent, slot));
        }
        return admin::json_reply({{"uplinks", std::move(uplinks)}});
    });
    server.get("/v1/policy", [&agent](const admin::Request& request) {
        return admin::json_reply(policy_view(agent, request.parameter("all") == "1"));
    });
    server.get("/v1/route", [&agent](const admin::Request& request) { return route_view(agent, request); });
    server.get("/v1/drops", [&agent](const auto&) { return admin::json_reply({{"drops", drops_of(agent)}}); });
    server.get("/v1/stats", [&agent](const auto&) { return admin::json_reply({{"counters", counters_of(agent)}}); });
    server.get("/metrics", [&agent](const auto&) { return metrics_view(agent); });
    server.post_deferred("/v1/reload",
                         [&agent](const auto&, const admin::Respond& respond) { answer_reload(agent, respond); });
    server.post("/v1/uplinks/*", [&agent](const admin::Request& request) { return change_uplink(agent, request); });
    serve_engine(server, agent);
    server.stream("/v1/events", agent.events());
}

}  // namespace homeward::mn
