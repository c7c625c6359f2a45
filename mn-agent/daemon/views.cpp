#include "views.h"

#include <unistd.h>

#include <ctime>
#include <map>
#include <nlohmann/json.hpp>

#include "counters_view.h"
#include "engine_view.h"
#include "policy_view.h"
#include "uplink_view.h"

namespace homeward::mn {
namespace {

using nlohmann::json;

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
