#include <fcntl.h>
#include <spdlog/spdlog.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include "agent.h"
#include "mip/tunnel.h"
#include "tunnel/uplink_socket.h"

namespace homeward::mn {
namespace {

constexpr std::uint32_t kSmallestTunnelMtu = 576 - mip::kTunnelOverhead;
constexpr std::uint32_t kTcpIpHeaders = 40;

/// Tells one access network from another as far as the agent can see.
std::uint64_t gateway_id(const uplinks::Attachment& attachment) {
    return attachment.gateway ? attachment.gateway->host() : 0;
}

}  // namespace

bool send_datagram(const UniqueFd& socket, wire::ByteView datagram) {
    for (int attempt = 0; attempt < 2; ++attempt) {
        if (::send(socket.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
            return true;
        }
    }
    return false;
}

void Agent::pump() {
    if (!coordinator_) {
        return;
    }
    run_coordinator_actions();
    run_path_actions();
    run_coordinator_actions();
    follow_coordinator();  // only now: a verdict may just have changed it
    run_path_actions();
    if (const wire::Ipv4Address agent = client_->home_agent(); agent != home_agent_) {
        home_agent_ = agent;
        if (const Status status = close_kill_switch(); !status) {
            report("kill-switch", status.error().text);
        }
        for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
            if (uplinks_[slot].socket) {
                uplinks_[slot].socket.reset();
                open_socket(slot);
            }
        }
        update_fast_path();
    }
    if (const auto trigger = std::exchange(trigger_, std::nullopt)) {
        choose(*trigger);
    }
    if (shut_down_done_ && client_->finished()) {
        restore();
        return std::exchange(shut_down_done_, nullptr)();
    }
    arm_timer();
}

/// The two machines feed each other; what the client asks for comes first, in the order it asked.
void Agent::run_coordinator_actions() {
    run_client_actions();
    for (std::vector<handover::Action> actions = coordinator_->take_actions(); !actions.empty();
         actions = coordinator_->take_actions()) {
        for (const handover::Action& action : actions) {
            std::visit([this](const auto& one) { run(one); }, action);
            run_client_actions();
        }
    }
}

void Agent::run_client_actions() {
    for (std::vector<registration::Action> actions = client_->take_actions(); !actions.empty();
         actions = client_->take_actions()) {
        for (const registration::Action& action : actions) {
            std::visit([this](const auto& one) { run(one); }, action);
        }
    }
}

void Agent::run(const handover::SetUsable& action) {
    trigger_ = action.usable ? selection::Trigger::link_up : selection::Trigger::link_down;
    loop_->set_usable(action.slot, action.usable);
    steer(action.slot, action.usable);
}

bool Agent::open_socket(unsigned slot) {
    UplinkRuntime& uplink = uplinks_[slot];
    const config::UplinkConfig& configured = config_.uplinks[slot];
    tunnel::SocketSettings settings;
    settings.interface = configured.interface;
    settings.care_of = uplink.attachment.address->address;
    settings.home_agent = home_agent_;
    settings.port = uplink.port;
    settings.zero_checksum = config_.udp_checksum == config::OuterChecksum::zero;
    // Where there is a fast path, update_fast_path() asks for them if the way down is slow all the same: once asked,
    // the kernel looks for a socket for every datagram that any device receives, for as long as this one is open.
    settings.trains = config_.offload && !fast_path_;
    Result<UniqueFd> socket = tunnel::open_uplink_socket(settings);
    UniqueFd duplicate{socket ? ::fcntl(socket->get(), F_DUPFD_CLOEXEC, 0) : -1};
    const Status plain = socket && duplicate ? open_plain_socket(slot, settings) : Status{};
    if (!socket || !duplicate || !plain) {
        const std::string fault = !plain ? plain.error().text : socket ? std::strerror(errno) : socket.error().text;
        if (std::exchange(uplink.fault, fault) != fault) {
            report("uplink-down", configured.name + " cannot be used: " + fault);
        }
        return false;
    }
    uplink.fault.clear();
    uplink.port = tunnel::local_port(*socket);
    uplink.socket = std::move(*socket);
    loop_->set_socket(slot, std::move(duplicate));
    return true;
}

Status Agent::open_plain_socket(unsigned slot, const tunnel::SocketSettings& settings) {
    if (!config_.ip_in_ip || !fast_path_) {
        return {};
    }
    Result<UniqueFd> socket = tunnel::open_plain_socket(settings);
    if (!socket) {
        return socket.error();
    }
    UniqueFd duplicate{::fcntl(socket->get(), F_DUPFD_CLOEXEC, 0)};
    if (!duplicate) {
        return Error{std::strerror(errno)};
    }
    uplinks_[slot].plain_socket = std::move(*socket);
    loop_->set_plain_socket(slot, std::move(duplicate));
    return {};
}

/// Like what comes from the TUN.
bool Agent::send_in_tunnel(unsigned slot, wire::ByteView inner_packet) const {
    const UplinkRuntime& uplink = uplinks_[slot];
    if (uplink.plain) {
        return send_datagram(uplink.plain_socket, inner_packet);
    }
    wire::Bytes datagram(mip::kTunnelHeader.begin(), mip::kTunnelHeader.end());
    datagram.insert(datagram.end(), inner_packet.begin(), inner_packet.end());
    return send_datagram(uplink.socket, datagram);
}

void Agent::run(const handover::Attach& action) {
    UplinkRuntime& uplink = uplinks_[action.slot];
    const config::UplinkConfig& configured = config_.uplinks[action.slot];
    const bool same = uplink.socket && uplink.attachment.index == action.attachment.index &&
                      uplink.attachment.address == action.attachment.address;
    uplink.attachment = action.attachment;
    if (const Status status = routing_->set_uplink(action.slot, action.attachment, configured.gateway); !status) {
        spdlog::error("{}: {}", configured.name, status.error().text);
    }
    if (!same) {
        uplink.rate.reset();
        uplink.socket.reset();
        if (!open_socket(action.slot)) {
            return;  // tried again every second
        }
    }
    update_mtu();
    client_->uplink_up(configured.label, static_cast<std::uint8_t>(configured.technology),
                       action.attachment.address->address, gateway_id(action.attachment), now());
}

void Agent::run(const handover::Detach& action) {
    UplinkRuntime& uplink = uplinks_[action.slot];
    client_->uplink_down(config_.uplinks[action.slot].label, now());
    run_client_actions();
    if (action.receive) {
        return;
    }
    uplink.socket.reset();
    uplink.tunnel_mtu = 0;
    loop_->set_socket(action.slot, UniqueFd{});
    if (uplink.plain_socket) {
        uplink.plain_socket.reset();
        loop_->set_plain_socket(action.slot, UniqueFd{});
    }
    if (const Status status = routing_->set_uplink(action.slot, {}, {}); !status) {
        spdlog::error("{}", status.error().text);
    }
    update_mtu();
}

void Agent::run(const handover::Drain& action) {
    client_->drain(config_.uplinks[action.slot].label, now());
}

void Agent::run(const handover::Notice& action) {
    report(std::string(handover::name(action.kind)), action.text);
}

void Agent::run(const registration::SendRegistration& action) {
    const UplinkRuntime& uplink = uplinks_[slot_of(action.label)];
    if (uplink.socket) {
        send_datagram(uplink.socket, action.datagram);
    }
}

void Agent::run(const registration::SendKeepalive& action) {
    if (uplinks_[slot_of(action.label)].socket) {
        send_in_tunnel(slot_of(action.label), action.packet);
        paths_->keepalive_sent(slot_of(action.label), monotonic());
    }
}

void Agent::run(const registration::BindingChanged& action) {
    const unsigned slot = slot_of(action.status.label);
    uplinks_[slot].binding = action.status;
    coordinator_->binding(slot, registration::usable(action.status.state), action.status.draining, monotonic());
}

void Agent::run(const registration::HomeAddressAssigned& action) {
    if (home_address_ == action.address) {
        return;
    }
    if (const Status status = enter_home(action.address); !status) {
        last_error_ = status.error().text;
        spdlog::error("{}", last_error_);
        return;
    }
    report("home-address", "the home address is " + action.address.to_string());
}

void Agent::run(const registration::PolicyOfHomeAgent& action) {
    peer_policy_ = action;
    if (chooser_ && action.synchronised && !planning_) {
        chooser_->executed(std::chrono::duration<double>(monotonic()).count(), true);
    }
}

void Agent::run(const registration::NumberingAgreed& action) {
    loop_->set_numbered(action.agreed);
    numbering_agreed_ = action.agreed;
}

void Agent::run(const registration::TunnelAgreed& action) {
    const unsigned slot = slot_of(action.label);
    uplinks_[slot].plain = action.plain;
    loop_->set_plain(slot, action.plain);
    update_fast_path(slot);
}

void Agent::run(const registration::Event& action) {
    using Kind = registration::Event::Kind;
    const std::string text =
        action.label == 0 ? action.text : config_.uplinks[slot_of(action.label)].name + ": " + action.text;
    if (action.kind == Kind::registration_denied || action.kind == Kind::binding_lost) {
        last_error_ = text;
    } else if (action.kind == Kind::binding_registered) {
        last_error_.clear();
    }
    report(std::string(registration::name(action.kind)), text);
}

/// The interface's MTU is that of the narrowest uplink a flow may fall back to.
void Agent::update_mtu() {
    std::uint32_t smallest = 0;
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        UplinkRuntime& uplink = uplinks_[slot];
        if (!uplink.socket) {
            continue;
        }
        std::uint32_t path = uplink.attachment.mtu;
        if (const std::uint32_t known = tunnel::path_mtu(uplink.socket); known != 0) {
            path = std::min(path, known);
        }
        uplink.tunnel_mtu = std::max(path, kSmallestTunnelMtu + static_cast<std::uint32_t>(mip::kTunnelOverhead)) -
                            static_cast<std::uint32_t>(mip::kTunnelOverhead);
        smallest = smallest == 0 ? uplink.tunnel_mtu : std::min(smallest, uplink.tunnel_mtu);
    }
    if (smallest == 0) {
        return update_fast_path();
    }
    if (config_.clamp_mss) {
        loop_->set_max_mss(static_cast<std::uint16_t>(std::min<std::uint32_t>(smallest, 65535) - kTcpIpHeaders));
    }
    if (config_.mtu == 0 && smallest != interface_mtu_ && routing_->set_link(config_.interface, true, smallest) == 0) {
        report("mtu", config_.interface + " has MTU " + std::to_string(smallest));
        interface_mtu_ = smallest;
    }
    update_fast_path();
}

}  // namespace homeward::mn
