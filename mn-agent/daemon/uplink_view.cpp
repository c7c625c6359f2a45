#include "uplink_view.h"

#include <chrono>
#include <optional>

namespace homeward::mn {
namespace {

using nlohmann::json;

double seconds(std::chrono::nanoseconds time) {
    return std::chrono::duration<double>(time).count();
}

json since(const std::optional<registration::Duration>& moment) {
    return moment ? json(seconds(Agent::monotonic() - *moment)) : json(nullptr);
}
json until(const std::optional<registration::Duration>& moment) {
    return moment ? json(seconds(*moment - Agent::monotonic())) : json(nullptr);
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

}  // namespace

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
              {"tunnel", uplink.plain ? "ip" : "udp"},
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

}  // namespace homeward::mn
