#include "counters_view.h"

#include <nlohmann/json.hpp>

#include "admin/metrics.h"
#include "uplink_view.h"

namespace homeward::mn {
namespace {

using nlohmann::json;

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

}  // namespace

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

}  // namespace homeward::mn
