#include "agent.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace homeward::mn {
namespace {

using std::chrono::duration_cast;
using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

microseconds since(steady_clock::time_point start) {
    return duration_cast<microseconds>(steady_clock::now() - start);
}

}  // namespace

Result<PreparedPolicy> prepare(config::PolicyFile file, const choice::Plan& plan, bool steered, microseconds read) {
    PreparedPolicy result;
    result.read = read;
    result.written_default = file.policy.fallback;
    result.written_rules = file.policy.rules.size();
    auto start = steady_clock::now();
    file.policy = choice::apply(std::move(file.policy), plan);
    if (!goes_by_rate(file.policy)) {
        file.policy.rates = {};
    }
    Result<policy::Table> table = policy::Table::compile(file.policy);
    if (!table && !plan.flows.empty()) {
        result.flows_dropped = true;
        file.policy.rules.resize(result.written_rules);
        table = policy::Table::compile(file.policy);
    }
    file.names.resize(result.written_rules);
    file.names.resize(file.policy.rules.size(), "engine");
    if (!table) {
        return Error{file.file.string() + ": " + table.error().text};
    }
    result.table = std::make_shared<const policy::Table>(std::move(*table));
    result.digest = policy::digest(policy::encode(file.policy));
    result.compile = since(start);
    start = steady_clock::now();
    if (steered) {
        Result<UniqueFd> trie = bpf::Steering::fill(*result.table);
        if (!trie) {
            return trie.error();
        }
        result.trie = std::move(*trie);
    }
    result.fill = since(start);
    result.file = std::move(file);
    return result;
}

std::shared_ptr<Reloaded> read_again(const std::filesystem::path& file, const std::string& engine,
                                     const choice::Plan& plan, const policy::Rates& rates, bool steered) {
    const auto start = steady_clock::now();
    auto next = std::make_shared<Reloaded>(Reloaded{config::load_mobile_node(file), false, Error{}, plan, Error{}});
    if (!next->config) {
        next->policy = next->config.error();
        return next;
    }
    const config::Engine& wanted = next->config->engine;
    // `static` without an order of its own follows the policy's.
    next->engine_changed = wanted.written != engine || (wanted.name == "static" && wanted.settings.fixed.order.empty());
    if (next->engine_changed) {
        next->chooser = make_chooser(*next->config);
        if (!next->chooser) {
            next->policy = next->chooser.error();
            return next;
        }
        // Another engine begins with the uplink that carries everything now, so that nothing moves before it decides.
        next->plan = {};
        next->plan.first = *next->chooser ? plan.first : policy::Label{0};
    }
    next->config->policy.policy.rates = rates;
    next->policy = prepare(next->config->policy, next->plan, steered, since(start));
    return next;
}

Agent::Agent(asio::io_context& io, config::MobileNode config, std::filesystem::path config_file)
    : io_(io),
      config_(std::move(config)),
      config_file_(std::move(config_file)),
      resolver_(config_.interface),
      link_events_(io),
      tunnel_events_(io),
      timer_(io),
      sample_timer_(io),
      signal_timer_(io),
      engine_timer_(io),
      learned_timer_(io) {}

Agent::~Agent() {
    for (std::thread* thread : {&reload_thread_, &plan_thread_, &learned_thread_, &rates_thread_}) {
        if (thread->joinable()) {
            thread->join();
        }
    }
    // The descriptors belong to the watch and the loop.
    if (link_events_.is_open()) {
        link_events_.release();
    }
    if (tunnel_events_.is_open()) {
        tunnel_events_.release();
    }
    if (loop_) {
        loop_->stop();
    }
    if (shut_down_done_) {
        restore();  // told to end, twice
    } else if (routing_ && tun_) {
        leave();
    }
}

std::chrono::nanoseconds Agent::monotonic() {
    return steady_clock::now().time_since_epoch();
}

registration::Now Agent::now() const {
    return {monotonic(), std::chrono::system_clock::now().time_since_epoch()};
}

const config::UplinkConfig* Agent::configured(policy::Label label) const {
    const auto found = std::find_if(config_.uplinks.begin(), config_.uplinks.end(),
                                    [&](const config::UplinkConfig& uplink) { return uplink.label == label; });
    return found == config_.uplinks.end() ? nullptr : &*found;
}

unsigned Agent::slot_of(policy::Label label) const {
    const config::UplinkConfig* uplink = configured(label);
    return uplink == nullptr ? 0U : static_cast<unsigned>(uplink - config_.uplinks.data());
}

void Agent::report(const std::string& event, const std::string& text) {
    spdlog::info("{}", text);
    events_.push(event, text);
}

void Agent::wait_for_links() {
    link_events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
        if (error) {
            return;
        }
        if (watch_->read()) {
            links_changed();
        }
        wait_for_links();
    });
}

void Agent::wait_for_tunnel() {
    tunnel_events_.async_wait(asio::posix::stream_descriptor::wait_read, [this](const asio::error_code& error) {
        if (error) {
            return;
        }
        std::uint64_t count = 0;
        [[maybe_unused]] const ssize_t got = ::read(loop_->control_fd(), &count, sizeof count);
        take_control();
        pump();
        wait_for_tunnel();
    });
}

void Agent::links_changed() {
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        coordinator_->attachment(slot, watch_->model().attachment(config_.uplinks[slot].interface), monotonic());
    }
    pump();
}

void Agent::take_control() {
    while (const tunnel::ControlDatagram* datagram = loop_->control().front()) {
        const policy::Label label = config_.uplinks[datagram->slot].label;
        if (datagram->kind == tunnel::ControlDatagram::Kind::registration) {
            client_->datagram(label, datagram->view(), home_agent_, now());
        } else {
            take_echo(datagram->slot, datagram->view());
        }
        loop_->control().pop();
    }
    bool mtu_changed = false;
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        mtu_changed = loop_->take_path_mtu_event(slot) || mtu_changed;
    }
    if (mtu_changed) {
        update_mtu();
    }
}

/// An answer to a probe, to a keepalive, or to somebody's `ping`.
void Agent::take_echo(unsigned slot, wire::ByteView packet) {
    const policy::Label label = config_.uplinks[slot].label;
    if (const auto number = probe_echoes_.answer(slot, packet)) {
        ++probes_answered_;
        paths_->answered(slot, *number, monotonic());
        if (const auto round_trip = paths_->quality(slot).round_trip()) {
            client_->measured(label, *round_trip);
        }
    } else if (!client_->echo_reply(label, packet, now())) {
        loop_->deliver(packet);
    }
}

void Agent::arm_timer() {
    std::optional<handover::Duration> due = client_->next_deadline();
    for (const auto other : {coordinator_->next_deadline(), paths_->next_deadline()}) {
        due = other && (!due || *other < *due) ? other : due;
    }
    if (!due) {
        timer_.cancel();
        return;
    }
    timer_.expires_at(steady_clock::time_point{duration_cast<steady_clock::duration>(*due)});
    timer_.async_wait([this](const asio::error_code& error) {
        if (error) {
            return;
        }
        coordinator_->tick(monotonic());
        client_->tick(now());
        tick_paths();
        pump();
    });
}

void Agent::arm_sample_timer() {
    sample_timer_.expires_after(std::chrono::seconds(1));
    sample_timer_.async_wait([this](const asio::error_code& error) {
        if (!error) {
            sample();
            arm_sample_timer();
        }
    });
}

void Agent::sample() {
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        UplinkRuntime& uplink = uplinks_[slot];
        const bpf::FastPath::Traffic up = sent(slot);
        const bpf::FastPath::Traffic down = received(slot);
        if (std::exchange(uplink.sampled_tx_packets, up.packets) != up.packets) {
            client_->data_sent(config_.uplinks[slot].label, monotonic());
        }
        uplink.tx_bps = (up.bytes - std::exchange(uplink.sampled_tx_bytes, up.bytes)) * 8;
        uplink.rx_bps = (down.bytes - std::exchange(uplink.sampled_rx_bytes, down.bytes)) * 8;
        uplink.tx_best.sample(uplink.tx_bps);
        uplink.rx_best.sample(uplink.rx_bps);
        const handover::PathQuality& quality = paths_->quality(slot);
        const double arrived = static_cast<double>(uplink.tx_bps) * (1 - quality.loss().value_or(0));
        uplink.rate.sample(static_cast<std::uint64_t>(arrived) + uplink.rx_bps, quality.full());
        if (coordinator_->state(slot) == handover::State::attached && !uplink.socket && open_socket(slot)) {
            client_->uplink_up(config_.uplinks[slot].label, static_cast<std::uint8_t>(config_.uplinks[slot].technology),
                               uplink.attachment.address->address,
                               uplink.attachment.gateway ? uplink.attachment.gateway->host() : 0, now());
        }
    }
    sample_rates();
    update_mtu();
    if (fast_path_ && fast_path_->repair()) {
        report("fast-path", "the fast path was put back where it could be");
        update_fast_path();
    }
    if (flows_ && !flows_->counting()) {
        open_flows();
    }
    pump();
}

bool Agent::request(const std::string& name, handover::Request request) {
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        if (config_.uplinks[slot].name == name) {
            coordinator_->request(slot, request, monotonic());
            pump();
            return true;
        }
    }
    return false;
}

/// Versions grow across restarts, too, as long as the clock does.
std::uint32_t Agent::next_version() const {
    const auto clock = static_cast<std::uint32_t>(
        duration_cast<std::chrono::seconds>(std::chrono::system_clock::now().time_since_epoch()).count());
    return std::max(generation_.version + 1, clock);
}

void Agent::apply(PreparedPolicy prepared, bool first) {
    const auto start = steady_clock::now();
    if (steering_) {
        if (Status status = steering_->swap(prepared.trie, prepared.file.policy.rules.size()); !status) {
            last_error_ = status.error().text;
            spdlog::error("{}", last_error_);
            return;
        }
    }
    const bool changed = first || prepared.digest != generation_.digest;
    table_ = prepared.table;
    loop_->set_table(table_);
    config_.policy = std::move(prepared.file);
    spreads_by_rate_ = goes_by_rate(config_.policy.policy);
    written_default_ = prepared.written_default;
    written_rules_ = prepared.written_rules;
    if (chooser_) {
        chooser_->set_order(written_default_);
    }
    if (changed) {
        policy_ = std::make_shared<const policy::Policy>(config_.policy.policy);
        generation_ = {next_version(), prepared.digest};
        client_->policy_changed(policy_, generation_, now());
    }
    if (rates_differ()) {
        name_rates();  // they changed while this was prepared
    }
    const nlohmann::json timing{{"version", generation_.version},
                                {"rules", config_.policy.policy.rules.size()},
                                {"read_us", prepared.read.count()},
                                {"compile_us", prepared.compile.count()},
                                {"map_us", prepared.fill.count() + since(start).count()}};
    const std::string text = "policy " + std::to_string(generation_.version) + " with " +
                             std::to_string(config_.policy.policy.rules.size()) + " rules is in force";
    spdlog::info("{} {}", text, timing.dump());
    events_.push("policy-applied", text, timing);
}

void Agent::reload(std::function<void(ReloadOutcome)> done) {
    if (reloading_) {
        return done({Error{"a reload is under way"}, {}});
    }
    reloading_ = true;
    if (reload_thread_.joinable()) {
        reload_thread_.join();
    }
    // Reading 100,000 rules takes long enough to matter to a handover: not on this loop.
    reload_thread_ = std::thread([this, done = std::move(done), engine = config_.engine.written,
                                  plan = chooser_ ? chooser_->plan() : choice::Plan{}, rates = rate_shares_.in_force(),
                                  steered = steering_ != nullptr] {
        auto next = read_again(config_file_, engine, plan, rates, steered);
        asio::post(io_, [this, done, next] { done(take_over(*next)); });
    });
}

/// Puts in force what was read; all of it, or on an error nothing.
ReloadOutcome Agent::take_over(Reloaded& next) {
    reloading_ = false;
    if (!next.policy) {
        last_error_ = next.policy.error().text;
        report("reload", "reload refused: " + last_error_);
        return {next.policy.error(), {}};
    }
    const config::MobileNode& config = *next.config;
    std::vector<std::string> restart = config::needs_restart(config_, config);
    config_.lifetime = config.lifetime;
    config_.keepalive = config.keepalive;
    client_->set_times(config_.lifetime, config_.keepalive);
    config_.hold_down = config.hold_down;
    coordinator_->set_hold_down(config_.hold_down);
    config_.probe_interval = config.probe_interval;
    config_.probes_unanswered = config.probes_unanswered;
    config_.rates_interval = config.rates_interval;
    paths_->set(path_settings());
    config_.signal.interval = config.signal.interval;
    config_.signal.leave_below_dbm = config.signal.leave_below_dbm;
    config_.signal.return_above_dbm = config.signal.return_above_dbm;
    signal_judge_->set(signal_thresholds());
    ++policy_edition_;
    if (next.engine_changed) {
        if (std::find(restart.begin(), restart.end(), "uplinks") == restart.end()) {
            config_.engine = config.engine;
            set_chooser(std::move(*next.chooser), next.plan);
        } else {
            restart.emplace_back("engine");  // its constants speak of uplinks that are not there yet
        }
    }
    apply(std::move(*next.policy), false);
    put_plan_in_force();  // it may have changed meanwhile
    report("reload", restart.empty() ? "configuration reloaded" : "configuration reloaded in part");
    pump();
    return {Status{}, restart};
}

void Agent::shut_down(std::function<void()> done) {
    shut_down_done_ = std::move(done);
    keep_learned();
    client_->shut_down(now());
    pump();
}

}  // namespace homeward::mn
