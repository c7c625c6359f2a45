#include <net/if.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "agent.h"
#include "replay/training.h"
#include "selection/catalogue.h"
#include "selection/names.h"

/// The selection engine: asked in its rhythm and when an uplink comes or goes; what it decides becomes a plan, the plan
/// becomes part of the policy, and that reaches kernel and home agent as every other policy does.
namespace homeward::mn {
namespace {

double in_seconds(handover::Duration time) {
    return std::chrono::duration<double>(time).count();
}

selection::Technology technology_of(config::AccessTechnology technology) {
    using enum config::AccessTechnology;
    switch (technology) {
        case wlan:
            return selection::Technology::wlan;
        case gsm:
        case umts:
        case wimax:
            return selection::Technology::umts;
        case lte:
            return selection::Technology::lte;
        default:
            return selection::Technology::ethernet;
    }
}

choice::Uplink uplink_of(const config::UplinkConfig& configured, const config::Engine& engine) {
    choice::Uplink uplink;
    uplink.label = configured.label;
    uplink.technology = technology_of(configured.technology);
    uplink.domain = configured.label;  // as if each had a subnet of its own
    if (const auto told = engine.links.find(configured.name); told != engine.links.end()) {
        uplink.cost_per_mb = told->second.cost_per_mb;
        uplink.quota_mb = told->second.quota_mb;
        uplink.domain = told->second.domain != 0 ? told->second.domain : uplink.domain;
    }
    return uplink;
}

/// The order of a `static` engine that names none is that of the policy's default.
selection::EngineSettings settings_of(const config::MobileNode& config) {
    selection::EngineSettings settings = config.engine.settings;
    for (const policy::Label label : config.policy.policy.fallback) {
        for (std::size_t i = 0; config.engine.settings.fixed.order.empty() && i < config.uplinks.size(); ++i) {
            if (config.uplinks[i].label == label) {
                settings.fixed.order.push_back(static_cast<selection::InterfaceId>(i + 1));
            }
        }
    }
    return settings;
}

}  // namespace

Result<std::unique_ptr<choice::Chooser>> make_chooser(const config::MobileNode& config) {
    const config::Engine& wanted = config.engine;
    if (wanted.name.empty()) {
        return std::unique_ptr<choice::Chooser>{};
    }
    const selection::EngineSettings settings = settings_of(config);
    std::unique_ptr<selection::Engine> engine = selection::make_engine(wanted.name, settings, wanted.seed);
    if (!engine) {
        return Error{"engine: " + wanted.name + " cannot work with these constants"};
    }
    if (const Status learned = replay::train(*engine, settings.pmp.period_s, wanted.training); !learned) {
        return learned.error();
    }
    if (auto* loop = dynamic_cast<selection::ClosedLoop*>(engine.get())) {
        for (const selection::AppNeed& need : wanted.apps) {
            loop->list_app(need);
        }
    }
    std::vector<choice::Uplink> uplinks;
    for (const config::UplinkConfig& configured : config.uplinks) {
        uplinks.push_back(uplink_of(configured, wanted));
    }
    return std::make_unique<choice::Chooser>(
        std::move(engine), choice::Chooser::Settings{wanted.selector, wanted.deadline}, std::move(uplinks));
}

Status Agent::open_engine() {
    if (!config_.position.empty()) {
        Result<replay::PositionReplay> opened = replay::PositionReplay::open(config_.position);
        if (!opened) {
            return opened.error();
        }
        position_ = std::move(*opened);
    }
    Result<std::unique_ptr<choice::Chooser>> chooser = make_chooser(config_);
    if (!chooser) {
        return chooser.error();
    }
    set_chooser(std::move(*chooser), {});
    return {};
}

void Agent::set_chooser(std::unique_ptr<choice::Chooser> chooser, const choice::Plan& plan) {
    keep_learned();
    chooser_ = std::move(chooser);
    recall_learned();
    open_flows();
    signal_judge_ = std::make_unique<handover::SignalJudge>(config_.uplinks.size(), signal_thresholds());
    if (!chooser_) {
        return;
    }
    chooser_->set_order(written_default_);
    chooser_->adopt(plan);
    report("engine", "the engine " + config_.engine.name + " chooses uplinks");
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        coordinator_->decide({slot, handover::Wish::use, "the engine " + config_.engine.name + " judges now"},
                             monotonic());
    }
}

/// Whoever does not look at flows does not pay for counting them.
void Agent::open_flows() {
    using selection::FlowInterest;
    flows_.reset();
    flows_reason_.clear();
    const FlowInterest interest = chooser_ ? chooser_->engine().flow_interest() : FlowInterest::none;
    if (interest == FlowInterest::none) {
        return;
    }
    const config::EngineFlows& wanted = config_.engine.flows;
    const choice::FlowWatch::Settings settings{
        .least_mbps = wanted.least_mbps, .memory_s = wanted.memory_s, .most = wanted.most};
    auto opened = CarriedFlows::open(static_cast<int>(::if_nametoindex(config_.interface.c_str())), settings, interest);
    if (opened) {
        flows_ = std::move(*opened);
    } else {
        flows_reason_ = opened.error().text;
        report("engine", config_.engine.name + " sees no flows: " + flows_reason_);
    }
}

std::span<const choice::FlowSeen> Agent::look_at_flows(selection::Seconds now) {
    if (!flows_) {
        return {};
    }
    const auto usable = [this](policy::Label label) { return coordinator_->usable(slot_of(label)); };
    const Status read = flows_->look(now, {*table_, written_rules_, usable});
    flows_reason_ = read ? std::string{} : read.error().text;
    return flows_->seen();
}

void Agent::arm_engine_timer() {
    engine_timer_.expires_after(config_.engine.interval);
    engine_timer_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            choose(selection::Trigger::tick);
            arm_engine_timer();
        }
    });
}

choice::UplinkSeen Agent::look(unsigned slot) const {
    constexpr double kMega = 1e6;
    const UplinkRuntime& uplink = uplinks_[slot];
    choice::UplinkSeen seen;
    seen.usable = coordinator_->usable(slot);
    seen.bound_mbps = flows_ ? flows_->bound_mbps(config_.uplinks[slot].label) : 0;
    seen.carried_mb = static_cast<double>(sent(slot).bytes + received(slot).bytes) / kMega;
    if (const auto time = round_trip(slot)) {
        seen.rtt_ms = in_seconds(*time) * 1000;
    }
    seen.loss = paths_->quality(slot).loss();
    if (uplink.radio) {
        const signal::Reading& radio = *uplink.radio;
        seen.rssi_dbm = radio.rssi_dbm;
        if (radio.rssi_dbm && radio.noise_dbm) {
            seen.snr_db = *radio.rssi_dbm - *radio.noise_dbm;
        }
        seen.bssid = selection::bssid_of(radio.bssid).value_or(0);
    }
    seen.rate_mbps = rate_sources(slot).best();
    return seen;
}

choice::RateSources Agent::rate_sources(unsigned slot) const {
    const UplinkRuntime& uplink = uplinks_[slot];
    choice::RateSources rates;
    if (uplink.radio) {
        rates.told_by_radio = uplink.radio->goodput_mbps;
        rates.on_air = uplink.radio->tx_mbps;
    }
    if (const auto measured = uplink.rate.value_of_last(config_.engine.rate_memory_s)) {
        rates.measured = static_cast<double>(*measured) * 1e-6;
    }
    const auto told = config_.engine.links.find(config_.uplinks[slot].name);
    if (told != config_.engine.links.end()) {
        rates.configured = told->second.rate_mbps;
    }
    return rates;
}

void Agent::tell_choice(policy::Label before, std::size_t rules_before) {
    const choice::Plan& plan = chooser_->plan();
    if (plan.first != before) {
        report("engine", config_.engine.name + " chooses " + config_.uplinks[slot_of(plan.first)].name + ": " +
                             std::string(selection::name(chooser_->last_reason())));
    } else if (plan.flows.size() != rules_before) {
        report("engine", config_.engine.name + ": " + std::to_string(plan.flows.size()) + " flows have a rule");
    }
}

void Agent::choose(selection::Trigger trigger) {
    if (!chooser_) {
        return;
    }
    const double at = in_seconds(monotonic());
    const auto count = config_.uplinks.size();
    const std::span<const choice::FlowSeen> flows = look_at_flows(at);
    for (unsigned slot = 0; slot < count; ++slot) {
        seen_[slot] = look(slot);
    }
    const auto fix = position_ ? position_->fix(at) : std::nullopt;
    chooser_->observe(at, {seen_.data(), count}, flows, fix, position_ ? position_->device() : std::nullopt);
    const policy::Label before = chooser_->plan().first;
    const std::size_t rules_before = chooser_->plan().flows.size();
    if (chooser_->decide(at, fix && trigger == selection::Trigger::tick ? selection::Trigger::fix : trigger)) {
        tell_choice(before, rules_before);
        put_plan_in_force();
    }
}

bool Agent::feedback(const selection::Score& score) {
    if (!chooser_ || chooser_->engine().name() != "closed-loop") {
        return false;
    }
    chooser_->feedback(score, in_seconds(monotonic()));
    choose(selection::Trigger::feedback);
    return true;
}

config::PolicyFile Agent::written_policy() const {
    config::PolicyFile written = config_.policy;
    written.policy.fallback = written_default_;
    written.policy.rates = rate_shares_.in_force();
    written.policy.rules.resize(written_rules_);
    written.names.resize(written_rules_);
    return written;
}

/// Compiling a large policy takes long enough to matter to a handover: not on this loop.
void Agent::put_plan_in_force() {
    if (!chooser_ || planning_) {
        plan_waits_ = planning_;
        return;
    }
    planning_ = true;
    if (plan_thread_.joinable()) {
        plan_thread_.join();
    }
    plan_thread_ = std::thread([this, written = written_policy(), plan = chooser_->plan(), edition = policy_edition_,
                                steered = steering_ != nullptr] {
        auto prepared = std::make_shared<Result<PreparedPolicy>>(prepare(written, plan, steered, {}));
        asio::post(io_, [this, prepared, edition] { plan_ready(std::move(*prepared), edition); });
    });
}

void Agent::plan_ready(Result<PreparedPolicy> prepared, std::uint64_t edition) {
    planning_ = false;
    const bool outdated = std::exchange(plan_waits_, false) || edition != policy_edition_;
    if (!chooser_) {
        return;
    }
    if (outdated) {
        return put_plan_in_force();
    }
    if (!prepared) {
        last_error_ = prepared.error().text;
        report("engine", "the plan of " + config_.engine.name + " cannot be put in force: " + last_error_);
        return chooser_->executed(in_seconds(monotonic()), false);
    }
    if (prepared->flows_dropped) {
        chooser_->drop_flows();
        report("engine", "rules for single flows do not fit beside the policy's own: left out");
    }
    if (prepared->digest == generation_.digest) {
        return chooser_->executed(in_seconds(monotonic()), true);
    }
    apply(std::move(*prepared), false);
    pump();
}

}  // namespace homeward::mn
