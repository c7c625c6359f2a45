#include <spdlog/spdlog.h>

#include <algorithm>
#include <vector>

#include "agent.h"

/// Rates of uplinks, for rules that spread by them: measured once a second, at both ends when they changed.
namespace homeward::mn {

bool goes_by_rate(const policy::Policy& policy) {
    return std::any_of(policy.rules.begin(), policy.rules.end(),
                       [](const policy::Rule& rule) { return rule.mode == policy::Mode::spread_by_rate; });
}

void Agent::sample_rates() {
    if (!spreads_by_rate_) {
        return;
    }
    std::vector<handover::RateShares::Uplink> uplinks;
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        uplinks.push_back({config_.uplinks[slot].label, uplinks_[slot].rate.value()});
    }
    if (const auto rates = rate_shares_.update(uplinks, config_.rates_interval, monotonic())) {
        take_rates(*rates);
    }
}

/// The kernel's programs get them with one store per uplink; the home agent as the change of a table's head.
void Agent::take_rates(policy::Rates rates) {
    PreparedPolicy prepared{.file = config_.policy, .table = table_};
    name_rates(prepared);
    table_ = prepared.table;
    loop_->set_table(table_);
    config_.policy.policy.rates = rates;
    generation_ = {next_version(), prepared.digest};
    client_->policy_changed(std::make_shared<const policy::Policy>(config_.policy.policy), generation_, now());
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        steer(slot, coordinator_->usable(slot));
    }
    std::string text;
    for (const config::UplinkConfig& uplink : config_.uplinks) {
        text += (text.empty() ? "" : ", ") + uplink.name + " " + std::to_string(rates.of(uplink.label));
    }
    report("rates", "uplinks' relative rates: " + text);
}

/// A table as read knows no rates; as in force, it has those that were measured.
void Agent::name_rates(PreparedPolicy& prepared) const {
    policy::Policy& policy = prepared.file.policy;
    const policy::Rates& rates = rate_shares_.in_force();
    if (rates.empty() || rates == policy.rates || !goes_by_rate(policy)) {
        return;
    }
    policy.rates = rates;
    prepared.digest = policy::digest(policy::encode(policy));
    auto table = std::make_shared<policy::Table>(*prepared.table);
    table->set_rates(policy.rates);
    prepared.table = std::move(table);
}

void Agent::steer(unsigned slot, bool usable) {
    if (!steering_) {
        return;
    }
    const policy::Label label = config_.uplinks[slot].label;
    const Status status =
        steering_->set_uplink(label, usable, static_cast<std::uint8_t>(slot), rate_shares_.in_force().of(label));
    if (!status) {
        spdlog::error("{}", status.error().text);
    }
}

}  // namespace homeward::mn
