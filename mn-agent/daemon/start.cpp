#include <spdlog/spdlog.h>

#include <cstring>

#include "agent.h"
#include "homeward/tunnel.h"
#include "random.h"
#include "routing/kill_switch.h"

namespace homeward::mn {
namespace {

constexpr std::uint32_t kDefaultMtu = 1500;

routing::Settings routing_settings(const config::MobileNode& config) {
    routing::Settings settings;
    settings.tunnel_interface = config.interface;
    settings.table = config.route_table;
    settings.priority = config.rule_priority;
    settings.prefixes = config.routes;
    for (const wire::Ipv4Address server : config.routes.empty() ? std::vector<wire::Ipv4Address>{} : config.dns) {
        settings.prefixes.push_back(wire::Ipv4Prefix::of(server, 32));
    }
    settings.excluded = config.excluded;
    settings.home_agent = config.home_agent;
    settings.block_ipv6 = config.ipv6 == config::Ipv6::block;
    return settings;
}

/// What an earlier run had not put back: routing rules, /etc/resolv.conf.
void tell_leftovers(int rules, bool resolver) {
    if (rules > 0) {
        spdlog::info("removed {} routing rules that an earlier run left behind", rules);
    }
    if (resolver) {
        spdlog::info("put back /etc/resolv.conf, which an earlier run had replaced");
    }
}

std::vector<handover::Uplink> uplinks_of(const config::MobileNode& config) {
    std::vector<handover::Uplink> uplinks;
    for (const config::UplinkConfig& uplink : config.uplinks) {
        uplinks.push_back({uplink.name, uplink.label});
    }
    return uplinks;
}

}  // namespace

Status Agent::load_steering() {
    Result<std::unique_ptr<bpf::Steering>> loaded = bpf::Steering::load();
    if (loaded) {
        steering_ = std::move(*loaded);
        return {};
    }
    steering_reason_ = loaded.error().text;
    if (config_.require_bpf) {
        return Error{"tunnel.require_bpf is set, and " + steering_reason_};
    }
    return {};
}

Status Agent::create_tun(unsigned queues) {
    Result<tunnel::TunDevice> device = tunnel::TunDevice::create(config_.interface, queues, config_.offload);
    if (!device) {
        return device.error();
    }
    tun_ = std::make_unique<tunnel::TunDevice>(std::move(*device));
    return {};
}

/// With a queue for each uplink and one more where the kernel steers, else with one.
Status Agent::open_tun() {
    if (Status status = create_tun(steering_ ? queues() : 1); !status || !steering_) {
        return status;
    }
    const Status attached = steering_->attach(tun_->queue(0));
    if (attached) {
        return {};
    }
    if (config_.require_bpf) {
        return Error{"tunnel.require_bpf is set, and " + attached.error().text};
    }
    steering_reason_ = attached.error().text;
    steering_.reset();
    tun_.reset();
    return create_tun(1);
}

tunnel::LoopSettings Agent::loop_settings() const {
    tunnel::LoopSettings settings;
    for (const config::UplinkConfig& uplink : config_.uplinks) {
        settings.labels.push_back(uplink.label);
    }
    settings.steered = steering_ != nullptr;
    settings.offload = config_.offload;
    settings.trains = config_.udp_checksum != config::OuterChecksum::zero;
    settings.numbered = config_.sequence_numbers;
    settings.first_number = static_cast<std::uint16_t>(random_number());
    settings.hold = config_.hold;
    settings.ecn_normal_mode = config_.ecn == ipc::Ecn::normal;
    return settings;
}

Status Agent::open_tunnel() {
    if (Status status = open_tun(); !status) {
        return status;
    }
    loop_ = std::make_unique<tunnel::Loop>(*tun_, loop_settings());
    if (!steering_) {
        return {};
    }
    if (Status status = steering_->set_none_queue(static_cast<std::uint8_t>(queues() - 1)); !status) {
        return status;
    }
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        const auto queue = static_cast<std::uint8_t>(slot);
        if (Status status = steering_->set_uplink(config_.uplinks[slot].label, false, queue); !status) {
            return status;
        }
    }
    return {};
}

Status Agent::enter_home(wire::Ipv4Address address) {
    if (const int error = routing_->add_address(config_.interface, address); error != 0) {
        return Error{"address " + address.to_string() + " on " + config_.interface + ": " + std::strerror(error)};
    }
    home_address_ = address;
    loop_->set_home_address(address);
    update_fast_path();
    if (Status status = routing_->enter(address); !status || config_.dns.empty()) {
        return status;
    }
    return resolver_.use(config_.dns);
}

/// Puts in force what the configuration says about packets outside the tunnel.
Status Agent::close_kill_switch() {
    if (config_.kill_switch == config::KillSwitch::off) {
        if (routing::KillSwitch::open()) {
            spdlog::info("removed the kill switch that an earlier run left closed");
        }
        return {};
    }
    return routing::KillSwitch::close(
        {config_.interface, home_agent_, config_.excluded, config_.ipv6 == config::Ipv6::block});
}

void Agent::leave() {
    routing_->leave();
    resolver_.restore();
}

/// The orderly end: everything is as it was before.
void Agent::restore() {
    leave();
    if (config_.kill_switch == config::KillSwitch::on) {
        routing::KillSwitch::open();
    }
}

registration::ClientConfig Agent::client_config() const {
    registration::ClientConfig result{
        config_.nai, config_.home_address, config_.home_agent,
        mip::Authenticator{config_.association.spi,
                           config_.association.algorithm == config::Algorithm::hmac_sha256 ? mip::Algorithm::hmac_sha256
                                                                                           : mip::Algorithm::hmac_md5,
                           config_.association.key}};
    result.lifetime = config_.lifetime;
    result.keepalive = config_.keepalive;
    result.organization = config_.organization;
    result.random = random_number;
    // In user space nobody closes the checksums of what the kernel's GRO joined.
    result.ip_in_ip = config_.ip_in_ip && fast_path_;
    if (config_.sequence_numbers) {
        result.numbering = mip::Numbering{.run = static_cast<std::uint16_t>(random_number()),
                                          .everything = config_.hold || config_.resend};
    }
    return result;
}

/// The tunnel's interface, and nobody else's packets past it.
Status Agent::open_interface() {
    Result<routing::Routing> routing = routing::Routing::open(routing_settings(config_));
    if (!routing) {
        return routing.error();
    }
    routing_ = std::make_unique<routing::Routing>(std::move(*routing));
    if (Status status = load_steering(); !status) {
        return status;
    }
    if (Status status = open_tunnel(); !status) {
        return status;
    }
    home_agent_ = config_.home_agent;
    // Only now: another agent that runs would have the interface.
    if (Status status = close_kill_switch(); !status) {
        return status;
    }
    tell_leftovers(routing_->clean(), resolver_.restore());
    if (!steering_) {
        spdlog::warn("packets are classified in user space: {}", steering_reason_);
    }
    return {};
}

/// What decides about packets, and the home address if it is known: from here on packets come to the tunnel.
Status Agent::enter_policy() {
    Result<PreparedPolicy> policy = prepare(config_.policy, {}, steering_ != nullptr, {});
    if (!policy) {
        return policy.error();
    }
    interface_mtu_ = config_.mtu != 0 ? config_.mtu : kDefaultMtu - HOMEWARD_TUNNEL_OVERHEAD;
    if (const int error = routing_->set_link(config_.interface, true, interface_mtu_); error != 0) {
        return Error{"bringing " + config_.interface + " up: " + std::strerror(error)};
    }
    open_fast_path();
    client_ = std::make_unique<registration::Client>(client_config());
    apply(std::move(*policy), true);
    return config_.home_address ? enter_home(*config_.home_address) : Status{};
}

/// Those who watch uplinks and decide about them.
Status Agent::open_watchers() {
    Result<uplinks::LinkWatch> watch = uplinks::LinkWatch::open(routing::kProtocol);
    if (!watch) {
        return watch.error();
    }
    watch_ = std::make_unique<uplinks::LinkWatch>(std::move(*watch));
    coordinator_ = std::make_unique<handover::Coordinator>(uplinks_of(config_), config_.hold_down);
    paths_ = make_paths();
    if (Status status = open_signal(); !status) {
        return status;
    }
    return open_engine();
}

/// Begins to carry packets and to follow events.
void Agent::begin() {
    loop_->start();
    link_events_.assign(watch_->fd());
    tunnel_events_.assign(loop_->control_fd());
    links_changed();
    wait_for_links();
    wait_for_tunnel();
    arm_sample_timer();
    arm_signal_timer();
    arm_engine_timer();
    arm_learned_timer();
}

Status Agent::start() {
    if (Status status = open_interface(); !status) {
        return status;
    }
    if (Status status = enter_policy(); !status) {
        return status;
    }
    if (Status status = open_watchers(); !status) {
        return status;
    }
    begin();
    return {};
}

}  // namespace homeward::mn
