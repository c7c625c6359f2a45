#include "engine_view.h"

#include <cmath>
#include <nlohmann/json.hpp>

#include "selection/closed_loop.h"
#include "selection/names.h"

namespace homeward::mn {
namespace {

using nlohmann::json;

json uplink_name(const Agent& agent, policy::Label label) {
    const config::UplinkConfig* uplink = agent.configured(label);
    return uplink == nullptr ? json(nullptr) : json(uplink->name);
}

json microseconds(std::chrono::nanoseconds time) {
    return static_cast<double>(time.count()) / 1000;
}

double seconds_since(selection::Seconds at) {
    return std::chrono::duration<double>(Agent::monotonic()).count() - at;
}

const selection::ClosedLoop* closed_loop(const Agent& agent) {
    return agent.chooser() == nullptr ? nullptr
                                      : dynamic_cast<const selection::ClosedLoop*>(&agent.chooser()->engine());
}

json preference_view(const selection::Preference::Vector& vector) {
    return {{"performance", vector[0]}, {"energy", vector[1]}, {"offloading", vector[2]}, {"continuity", vector[3]}};
}

json record_view(const Agent& agent, const choice::Record& record) {
    return {{"ago_s", seconds_since(record.at)},   {"from", uplink_name(agent, record.from)},
            {"to", uplink_name(agent, record.to)}, {"reason", selection::name(record.reason)},
            {"confidence", record.confidence},     {"flows", record.flows},
            {"took_us", microseconds(record.took)}};
}

/// What the engine shall have carry the flow; null: whatever carries the rest.
json wanted_uplink(const Agent& agent, const choice::Plan& plan, const choice::FlowEnd& end) {
    for (const choice::FlowRule& rule : plan.flows) {
        if (rule.flow == end) {
            return uplink_name(agent, rule.uplink);
        }
    }
    return nullptr;
}

json flows_view(const Agent& agent, const choice::Chooser& chooser) {
    json flows = json::array();
    for (const choice::FlowSeen& flow : chooser.flows()) {
        flows.push_back({{"correspondent", flow.end.correspondent.to_string()},
                         {"protocol", flow.end.protocol},
                         {"port", flow.end.port},
                         {"mbps", flow.demand_mbps},
                         {"uplink", uplink_name(agent, flow.uplink)},
                         {"rule", wanted_uplink(agent, chooser.plan(), flow.end)}});
    }
    return flows;
}

json engine_view(const Agent& agent) {
    const choice::Chooser* chooser = agent.chooser();
    if (chooser == nullptr) {
        return {{"engine", nullptr}};
    }
    json records = json::array();
    for (const choice::Record& record : chooser->records()) {
        records.push_back(record_view(agent, record));
    }
    json view{{"engine", chooser->engine().name()},
              {"serving", uplink_name(agent, chooser->serving())},
              {"reason", selection::name(chooser->last_reason())},
              {"decisions", chooser->decisions()},
              {"changes", chooser->changes()},
              {"decision_p50_us", microseconds(chooser->time_at(0.5))},
              {"decision_p99_us", microseconds(chooser->time_at(0.99))},
              {"decision_max_us", microseconds(chooser->time_at(1))},
              {"flows", flows_view(agent, *chooser)},
              {"recent", std::move(records)}};
    if (!agent.flows_reason().empty()) {
        view["flows_reason"] = agent.flows_reason();
    }
    if (const selection::ClosedLoop* loop = closed_loop(agent)) {
        view["preference"] = preference_view(loop->preference());
    }
    return view;
}

json worth_view(const std::array<double, 3>& worth) {
    return {{"performance", worth[0]}, {"energy", worth[1]}, {"cost", worth[2]}};
}

json link_view(const Agent& agent, selection::LinkKey key) {
    if (!key.named() || key.interface > agent.config().uplinks.size()) {
        return nullptr;
    }
    return agent.config().uplinks[key.interface - 1U].name;
}

admin::Reply consequences_view(const Agent& agent) {
    const selection::ClosedLoop* loop = closed_loop(agent);
    if (loop == nullptr) {
        return admin::error_reply(409, "the engine is not closed-loop, and no other one watches consequences");
    }
    const auto& consequence = loop->consequence();
    if (!consequence) {
        return admin::json_reply({{"consequence", nullptr}, {"preference", preference_view(loop->preference())}});
    }
    return admin::json_reply({{"consequence",
                               {{"from", link_view(agent, consequence->from)},
                                {"to", link_view(agent, consequence->to)},
                                {"ago_s", seconds_since(consequence->at)},
                                {"before", worth_view(consequence->before)},
                                {"after", worth_view(consequence->after)},
                                {"measured", consequence->measured}}},
                              {"preference", preference_view(loop->preference())}});
}

admin::Reply take_feedback(Agent& agent, const admin::Request& request) {
    const Result<json> body = admin::json_body(request);
    if (!body) {
        return admin::error_reply(400, body.error().text);
    }
    selection::Score score{std::nan(""), std::nan(""), std::nan(""), std::nan("")};
    for (const auto& [name, value] : body.value().items()) {
        double* part = name == "performance"  ? &score.performance
                       : name == "energy"     ? &score.energy
                       : name == "offloading" ? &score.offloading
                       : name == "continuity" ? &score.continuity
                                              : nullptr;
        if (part == nullptr) {
            return admin::error_reply(400, name + ": performance, energy, offloading or continuity is expected");
        }
        if (!value.is_number() || !(std::abs(value.get<double>()) <= 2)) {
            return admin::error_reply(400, name + ": a number from -2 to 2 is expected");
        }
        *part = value.get<double>();
    }
    if (!agent.feedback(score)) {
        return admin::error_reply(409, "the engine is not closed-loop, and no other one learns from scores");
    }
    return admin::json_reply({{"preference", preference_view(closed_loop(agent)->preference())}});
}

}  // namespace

void serve_engine(admin::Server& server, Agent& agent) {
    server.get("/v1/engine", [&agent](const auto&) { return admin::json_reply(engine_view(agent)); });
    server.get("/v1/consequences", [&agent](const auto&) { return consequences_view(agent); });
    server.post("/v1/feedback", [&agent](const admin::Request& request) { return take_feedback(agent, request); });
}

}  // namespace homeward::mn
