#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>
#include <vector>

#include "agent.h"

/// Rates of uplinks, for rules that spread by them: measured once a second, at both ends when they changed.
namespace homeward::mn {

bool goes_by_rate(const policy::Policy& policy) {
    return std::any_of(policy.rules.begin(), policy.rules.end(),
                       [](const policy::Rule& rule) { return rule.mode == policy::Mode::spread_by_rate; });
}

namespace {

RatedPolicy with_rates(std::shared_ptr<const policy::Policy> policy, const policy::Table& table, policy::Rates rates) {
    auto named = std::make_shared<policy::Policy>(*policy);
    named->rates = rates;
    auto compiled = std::make_shared<policy::Table>(table);
    compiled->set_rates(rates);
    const policy::Digest digest = policy::digest(policy::encode(*named));
    return {std::move(policy), std::move(named), std::move(compiled), digest};
}

}  // namespace

void Agent::sample_rates() {
    if (!spreads_by_rate_) {
        return;
    }
    std::vector<handover::RateShares::Uplink> uplinks;
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        uplinks.push_back({config_.uplinks[slot].label, uplinks_[slot].rate.value()});
    }
    if (rate_shares_.update(uplinks, config_.rates_interval, monotonic())) {
        name_rates();
    }
}

/// Whether the policy in force names other rates than those that it should.
bool Agent::rates_differ() const {
    return spreads_by_rate_ && config_.policy.policy.rates != rate_shares_.in_force();
}

/// Copying and digesting a large policy takes long enough to matter to a handover: not on this loop.
void Agent::name_rates() {
    if (naming_rates_) {
        return;  // who is at it finds out that they differ
    }
    naming_rates_ = true;
    if (rates_thread_.joinable()) {
        rates_thread_.join();
    }
    rates_thread_ = std::thread([this, policy = policy_, table = table_, rates = rate_shares_.in_force()] {
        auto rated = std::make_shared<const RatedPolicy>(with_rates(policy, *table, rates));
        asio::post(io_, [this, rated] { rates_ready(*rated); });
    });
}

/// The kernel's programs get them with one store per uplink; the home agent as the change of a table's head.
void Agent::rates_ready(const RatedPolicy& rated) {
    naming_rates_ = false;
    if (rated.before != policy_ || rated.named->rates != rate_shares_.in_force()) {
        if (rates_differ()) {
            name_rates();
        }
        return;
    }
    policy_ = rated.named;
    config_.policy.policy.rates = policy_->rates;
    table_ = rated.table;
    loop_->set_table(table_);
    generation_ = {next_version(), rated.digest};
    client_->policy_changed(policy_, generation_, now());
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        steer(slot, coordinator_->usable(slot));
    }
    std::string text;
    for (const config::UplinkConfig& uplink : config_.uplinks) {
        text += (text.empty() ? "" : ", ") + uplink.name + " " + std::to_string(policy_->rates.of(uplink.label));
    }
    report("rates", "uplinks' relative rates: " + text);
    pump();
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
