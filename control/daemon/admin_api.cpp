#include "admin_api.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>

#include "admin/metrics.h"
#include "policy_json.h"
#include "twins.h"

namespace homeward::daemon {
namespace {

using nlohmann::json;
using registration::NodeView;

constexpr std::string_view kDropPrefix = "drop.";

double seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

const char* technology_name(std::uint8_t technology) {
    static constexpr std::array<const char*, 9> kNames{"unknown", "virtual", "ppp",  "ethernet", "wlan",
                                                       "wimax",   "gsm",     "umts", "lte"};
    return technology < kNames.size() ? kNames[technology] : kNames[0];
}

json uplink_json(const registration::Binding& binding, std::uint16_t tunnel_mtu, registration::Now at) {
    return {{"binding_id", binding.binding_id},
            {"label", binding.label},
            {"technology", technology_name(binding.technology)},
            {"care_of", binding.tunnel.address.to_string()},
            {"registered_care_of", binding.registered_care_of.to_string()},
            {"port", binding.tunnel.port},
            {"nat", binding.nat()},
            {"tunnel_mtu", tunnel_mtu},
            {"up", true},
            {"registered_ago_s", seconds(at.steady - binding.registered)},
            {"expires_in_s", seconds(binding.expires - at.steady)}};
}

json policy_summary(const registration::PolicyRef& policy) {
    json summary = generation_json(policy);
    summary["source"] = source_name(policy);
    summary["rules"] = policy ? policy->rules : 0;
    return summary;
}

json node_json(const NodeView& node, std::uint16_t tunnel_mtu, registration::Now at) {
    json uplinks = json::array();
    for (const registration::Binding& binding : node.state.bindings) {
        uplinks.push_back(uplink_json(binding, tunnel_mtu, at));
    }
    return {{"home_address", node.home_address.to_string()},
            {"nai", node.nai},
            {"policy", policy_summary(node.policy)},
            {"uplinks", std::move(uplinks)}};
}

std::optional<unsigned> number(std::string_view text) {
    unsigned value = 0;
    const auto read = std::from_chars(text.data(), text.data() + text.size(), value);
    return read.ec == std::errc{} && read.ptr == text.data() + text.size() ? std::optional(value) : std::nullopt;
}

std::optional<std::uint8_t> protocol_of(std::string_view text) {
    static const std::map<std::string_view, std::uint8_t> kNames{
        {"", 0}, {"any", 0}, {"icmp", 1}, {"tcp", 6}, {"udp", 17}};
    if (const auto named = kNames.find(text); named != kNames.end()) {
        return named->second;
    }
    const auto value = number(text);
    return value && *value < 256 ? std::optional(static_cast<std::uint8_t>(*value)) : std::nullopt;
}

}  // namespace

struct AdminApi::State {
    explicit State(Service& service_) : service(service_) {}

    admin::Reply status();
    admin::Reply bindings();
    admin::Reply uplinks();
    admin::Reply policy(const admin::Request& request);
    admin::Reply route(const admin::Request& request);
    admin::Reply reload();
    void drops(const admin::Respond& respond);
    void stats(const admin::Respond& respond);
    void metrics(const admin::Respond& respond);
    std::string metrics_text(const publish::CounterList& dataplane);
    /// The node that `?node=` names; without it the only one that is bound.
    std::optional<NodeView> node_of(const admin::Request& request);

    Service& service;
    std::chrono::system_clock::time_point started = std::chrono::system_clock::now();
};

AdminApi::AdminApi(Service& service) : state_(std::make_unique<State>(service)) {}
AdminApi::~AdminApi() = default;

void AdminApi::add_routes(admin::Server& server) {
    State* const state = state_.get();
    server.get("/v1/status", [state](const admin::Request&) { return state->status(); });
    server.get("/v1/bindings", [state](const admin::Request&) { return state->bindings(); });
    server.get("/v1/uplinks", [state](const admin::Request&) { return state->uplinks(); });
    server.get("/v1/policy", [state](const admin::Request& request) { return state->policy(request); });
    server.get("/v1/route", [state](const admin::Request& request) { return state->route(request); });
    server.post("/v1/reload", [state](const admin::Request&) { return state->reload(); });
    server.get_deferred("/v1/drops",
                        [state](const admin::Request&, const admin::Respond& respond) { state->drops(respond); });
    server.get_deferred("/v1/stats",
                        [state](const admin::Request&, const admin::Respond& respond) { state->stats(respond); });
    server.get_deferred("/metrics",
                        [state](const admin::Request&, const admin::Respond& respond) { state->metrics(respond); });
    server.stream("/v1/events", state->service.events());
}

admin::Reply AdminApi::State::status() {
    const auto& peer = service.publisher().peer();
    json dataplane{{"connected", service.publisher().connected()},
                   {"synchronised", service.publisher().synchronised()}};
    if (peer) {
        dataplane["pid"] = peer->pid;
        dataplane["workers"] = peer->workers;
        dataplane["started_unix"] = peer->started_unix_s;
    }
    return admin::json_reply({{"role", "home-agent"},
                              {"release", HOMEWARD_RELEASE},
                              {"started_unix", seconds(started.time_since_epoch())},
                              {"pid", ::getpid()},
                              {"home_agent", service.agent().config().address.to_string()},
                              {"listening", service.listening()},
                              {"bindings", service.agent().binding_count()},
                              {"bound_nodes", service.agent().bound_nodes()},
                              {"nodes", service.agent().node_count()},
                              {"last_error", service.trouble()},
                              {"dataplane", std::move(dataplane)}});
}

admin::Reply AdminApi::State::bindings() {
    json list = json::array();
    const registration::Now at = now();
    const std::uint16_t mtu = tunnel_mtu(service.agent().config());
    service.agent().for_each_bound(std::nullopt, [&](const NodeView& node) {
        list.push_back(node_json(node, mtu, at));
        return true;
    });
    return admin::json_reply({{"bindings", std::move(list)}});
}

admin::Reply AdminApi::State::uplinks() {
    json list = json::array();
    const registration::Now at = now();
    const config::HomeAgent& config = service.agent().config();
    service.agent().for_each_bound(std::nullopt, [&](const NodeView& node) {
        for (const registration::Binding& binding : node.state.bindings) {
            json uplink = uplink_json(binding, tunnel_mtu(config), at);
            uplink["home_address"] = node.home_address.to_string();
            uplink["name"] = uplink_name(config.uplinks, nullptr, binding.label);
            uplink["state"] = "bound";
            uplink["address"] = binding.tunnel.address.to_string();
            list.push_back(std::move(uplink));
        }
        return true;
    });
    return admin::json_reply({{"uplinks", std::move(list)}});
}

std::optional<NodeView> AdminApi::State::node_of(const admin::Request& request) {
    if (const std::string_view name = request.parameter("node"); !name.empty()) {
        return service.agent().view(name);
    }
    std::optional<wire::Ipv4Address> only;
    if (service.agent().bound_nodes() == 1) {
        service.agent().for_each_bound(std::nullopt, [&only](const NodeView& node) {
            only = node.home_address;
            return false;
        });
    }
    return only ? service.agent().view(*only) : std::nullopt;
}

admin::Reply AdminApi::State::policy(const admin::Request& request) {
    const auto node = node_of(request);
    if (!node) {
        return admin::error_reply(404, "name a node: ?node=HOME_ADDRESS_OR_NAI");
    }
    return admin::json_reply(policy_json(*node, service.agent().config().uplinks, request.parameter("all") == "1"));
}

admin::Reply AdminApi::State::route(const admin::Request& request) {
    const auto node = node_of(request);
    if (!node) {
        return admin::error_reply(404, "name a node: ?node=HOME_ADDRESS_OR_NAI");
    }
    const auto to = wire::Ipv4Address::parse(request.parameter("to"));
    const auto protocol = protocol_of(request.parameter("protocol"));
    const auto port = number(request.parameter("port"));
    const bool bad_port = !request.parameter("port").empty() && (!port || *port > 65535);
    if (!to || !protocol || bad_port) {
        return admin::error_reply(400, "expected ?to=A.B.C.D[&protocol=tcp|udp|N][&port=0-65535]");
    }
    return admin::json_reply(
        route_json(*node, service.agent().config().uplinks,
                   {*to, *protocol, port.has_value(), static_cast<std::uint16_t>(port.value_or(0))}));
}

admin::Reply AdminApi::State::reload() {
    const auto reloaded = service.reload();
    if (!reloaded) {
        return admin::error_reply(422, reloaded.error().text);
    }
    return admin::json_reply({{"applied", true}, {"needs_restart", reloaded->needs_restart}});
}

void AdminApi::State::drops(const admin::Respond& respond) {
    service.publisher().request_counters([this, respond](const publish::CounterList& dataplane) {
        json drops = json::object();
        for (const auto& [name, value] : service.agent().counters().drops()) {
            drops[name] = value;
        }
        for (const auto& [name, value] : dataplane) {
            if (name.starts_with(kDropPrefix)) {
                drops[name.substr(kDropPrefix.size())] = value;
            }
        }
        respond(admin::json_reply({{"drops", std::move(drops)}}));
    });
}

void AdminApi::State::stats(const admin::Respond& respond) {
    service.publisher().request_counters([this, respond](const publish::CounterList& dataplane) {
        json counters = json::object();
        for (const auto& [name, value] : service.agent().counters().totals()) {
            counters[name] = value;
        }
        for (const auto& [name, value] : service.agent().counters().drops()) {
            counters["drop." + name] = value;
        }
        for (const auto& [name, value] : dataplane) {
            counters[name] = value;
        }
        respond(admin::json_reply({{"counters", std::move(counters)}}));
    });
}

void AdminApi::State::metrics(const admin::Respond& respond) {
    service.publisher().request_counters([this, respond](const publish::CounterList& dataplane) {
        respond(admin::metrics_reply(metrics_text(dataplane)));
    });
}

std::string AdminApi::State::metrics_text(const publish::CounterList& dataplane) {
    const registration::HomeAgent& agent = service.agent();
    admin::MetricsText text;
    text.family("homeward_bindings", "Care-of addresses registered now.", admin::MetricType::gauge);
    text.sample({}, std::uint64_t{agent.binding_count()});
    text.family("homeward_nodes_bound", "Mobile nodes with at least one binding.", admin::MetricType::gauge);
    text.sample({}, std::uint64_t{agent.bound_nodes()});
    text.family("homeward_dataplane_connected", "1 when the data plane is connected.", admin::MetricType::gauge);
    text.sample({}, std::uint64_t{service.publisher().connected() ? 1U : 0U});
    text.family("homeward_registration_total", "Registration events and replies.", admin::MetricType::counter);
    for (const auto& [name, value] : agent.counters().totals()) {
        text.sample({{"event", name}}, value);
    }
    text.family("homeward_drops_total", "Packets and datagrams dropped, by reason.", admin::MetricType::counter);
    for (const auto& [name, value] : agent.counters().drops()) {
        text.sample({{"reason", name}}, value);
    }
    for (const auto& [name, value] : dataplane) {
        if (name.starts_with(kDropPrefix)) {
            text.sample({{"reason", std::string_view(name).substr(kDropPrefix.size())}}, value);
        }
    }
    text.family("homeward_dataplane", "Counters of the data plane.", admin::MetricType::gauge);
    for (const auto& [name, value] : dataplane) {
        if (!name.starts_with(kDropPrefix)) {
            text.sample({{"counter", name}}, value);
        }
    }
    return text.text();
}

}  // namespace homeward::daemon
