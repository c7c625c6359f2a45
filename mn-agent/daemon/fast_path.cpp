#include "bpf_steering/fast_path.h"

#include <net/if.h>
#include <spdlog/spdlog.h>

#include "agent.h"
#include "tunnel/uplink_socket.h"

namespace homeward::mn {

void Agent::open_fast_path() {
    if (config_.fast_path == config::FastPath::off) {
        fast_path_reason_ = "tunnel.fast_path is off";
    } else if (!steering_) {
        fast_path_reason_ = "no BPF: " + steering_reason_;
    }
    if (!fast_path_reason_.empty()) {
        return;
    }
    bpf::FastPath::Settings settings;
    settings.interface = static_cast<int>(::if_nametoindex(config_.interface.c_str()));
    settings.copy_ecn = config_.ecn == ipc::Ecn::normal;
    if (config_.udp_checksum == config::OuterChecksum::compute) {
        settings.up_off = "tunnel.udp_checksum is compute, which only user space does";
    }
    fast_path_ = bpf::FastPath::open(*steering_, std::move(settings));
}

/// On the uplink's link; 0.0.0.0: the kernel's routes know.
wire::Ipv4Address Agent::next_hop(unsigned slot) const {
    const uplinks::Attachment& attachment = uplinks_[slot].attachment;
    const std::optional<wire::Ipv4Address>& configured = config_.uplinks[slot].gateway;
    const wire::Ipv4Prefix link{attachment.address->address, attachment.address->prefix_length};
    if (attachment.point_to_point) {
        return {};
    }
    if (link.contains(home_agent_)) {
        return home_agent_;
    }
    return configured.value_or(attachment.gateway.value_or(wire::Ipv4Address{}));
}

void Agent::update_fast_path(unsigned slot) {
    if (!fast_path_) {
        return;
    }
    const UplinkRuntime& uplink = uplinks_[slot];
    const policy::Label label = config_.uplinks[slot].label;
    if (!uplink.socket || !home_address_ || uplink.tunnel_mtu == 0) {
        return fast_path_->clear(label);
    }
    bpf::FastPath::Uplink known;
    known.interface = uplink.attachment.index;
    known.care_of = uplink.attachment.address->address;
    known.home_agent = home_agent_;
    known.home_address = *home_address_;
    known.next_hop = next_hop(slot);
    known.port = uplink.port;
    known.path_mtu = static_cast<std::uint16_t>(std::min(uplink.tunnel_mtu, 65535U));
    known.interface_mtu = static_cast<std::uint16_t>(std::min(interface_mtu_, 65535U));
    known.clamp_mss = config_.clamp_mss;
    known.plain = uplink.plain;
    known.takes_plain = bool{uplink.plain_socket};
    fast_path_->set(label, known);
    tunnel::allow_trains(uplink.socket, config_.offload && !way_down(slot).fast);
}

void Agent::update_fast_path() {
    for (unsigned slot = 0; slot < config_.uplinks.size(); ++slot) {
        update_fast_path(slot);
    }
}

bpf::FastPath::Way Agent::way_up(unsigned slot) const {
    return fast_path_ ? fast_path_->up(config_.uplinks[slot].label) : bpf::FastPath::Way{false, fast_path_reason_};
}

bpf::FastPath::Way Agent::way_down(unsigned slot) const {
    if (numbering_agreed_ && (config_.hold || config_.resend)) {
        return {false, std::string(config_.hold ? "handover.hold" : "handover.resend") +
                           ": all packets have numbers, which only user space looks at"};
    }
    return fast_path_ ? fast_path_->down(config_.uplinks[slot].label) : bpf::FastPath::Way{false, fast_path_reason_};
}

bpf::FastPath::Traffic Agent::sent_fast(unsigned slot) const {
    return fast_path_ ? fast_path_->sent(config_.uplinks[slot].label) : bpf::FastPath::Traffic{};
}

bpf::FastPath::Traffic Agent::received_fast(unsigned slot) const {
    return fast_path_ ? fast_path_->received(config_.uplinks[slot].label) : bpf::FastPath::Traffic{};
}

bpf::FastPath::Traffic Agent::sent(unsigned slot) const {
    const tunnel::UplinkCounters& slow = loop_->counters(slot);
    bpf::FastPath::Traffic sum = sent_fast(slot);
    sum.packets += slow.tx_packets.load(std::memory_order_relaxed);
    sum.bytes += slow.tx_bytes.load(std::memory_order_relaxed);
    return sum;
}

bpf::FastPath::Traffic Agent::received(unsigned slot) const {
    const tunnel::UplinkCounters& slow = loop_->counters(slot);
    bpf::FastPath::Traffic sum = received_fast(slot);
    sum.packets += slow.rx_packets.load(std::memory_order_relaxed);
    sum.bytes += slow.rx_bytes.load(std::memory_order_relaxed);
    return sum;
}

}  // namespace homeward::mn
