#include "bpf_steering/fast_path.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "per_cpu.h"
#include "tunnel_egress.skel.h"
#include "uplink_ingress.skel.h"

namespace homeward::bpf {
namespace {

constexpr std::uint8_t kEthernetHeader = 14;

std::string refusal(int error) {
    return std::string("the kernel refuses the program: ") + std::strerror(error < 0 ? -error : error);
}

/// Bytes in front of the IPv4 header on that interface; none: a link of a kind that the programs cannot read.
std::optional<std::uint8_t> link_header(int interface) {
    ifreq request{};
    const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    if (::if_indextoname(static_cast<unsigned>(interface), request.ifr_name) == nullptr ||
        ::ioctl(socket.get(), SIOCGIFHWADDR, &request) != 0) {
        return std::nullopt;
    }
    constexpr unsigned kRawIp = 519;  // ARPHRD_RAWIP: rmnet, wwan
    switch (const unsigned type = request.ifr_hwaddr.sa_family; type) {
        case ARPHRD_ETHER:
            return kEthernetHeader;
        case ARPHRD_NONE:
        case ARPHRD_PPP:
        case kRawIp:
            return 0;
        default:
            return std::nullopt;
    }
}

int share(bpf_map* map, int with) {
    return bpf_map__reuse_fd(map, with);
}

template <class Value>
std::string write(bpf_map* map, std::uint32_t key, const Value& value) {
    return bpf_map_update_elem(bpf_map__fd(map), &key, &value, BPF_ANY) == 0
               ? std::string{}
               : std::string("BPF map: ") + std::strerror(errno);
}

void erase(bpf_map* map, std::uint32_t key) {
    bpf_map_delete_elem(bpf_map__fd(map), &key);
}

bool same(const FastPath::Uplink& a, const FastPath::Uplink& b) {
    return a.interface == b.interface && a.care_of == b.care_of && a.home_agent == b.home_agent &&
           a.home_address == b.home_address && a.next_hop == b.next_hop && a.port == b.port &&
           a.path_mtu == b.path_mtu && a.interface_mtu == b.interface_mtu && a.clamp_mss == b.clamp_mss &&
           a.plain == b.plain && a.takes_plain == b.takes_plain;
}

}  // namespace

std::unique_ptr<FastPath> FastPath::open(const Steering& steering, Settings settings) {
    std::unique_ptr<FastPath> result{new FastPath(std::move(settings))};
    result->open_up(steering);
    result->open_down();
    return result;
}

void FastPath::open_up(const Steering& steering) {
    up_reason_ = settings_.up_off;
    if (!up_reason_.empty()) {
        return;
    }
    up_ = tunnel_egress_bpf__open();
    if (up_ == nullptr) {
        up_reason_ = refusal(errno);
        return;
    }
    const Steering::Maps maps = steering.maps();
    int error = share(up_->maps.policy, maps.policy);
    error = error != 0 ? error : share(up_->maps.uplinks, maps.uplinks);
    error = error != 0 ? error : share(up_->maps.fragments, maps.fragments);
    error = error != 0 ? error : share(up_->maps.counters, maps.counters);
    error = error != 0 ? error : share(up_->maps.rules, maps.rules);
    error = error != 0 ? error : tunnel_egress_bpf__load(up_);
    if (error != 0) {
        up_reason_ = refusal(error);
        tunnel_egress_bpf__destroy(std::exchange(up_, nullptr));
        return;
    }
    Result<TrafficHook> hook = TrafficHook::attach(settings_.interface, TrafficHook::Direction::egress, up_fd());
    if (hook) {
        egress_ = std::move(*hook);
    } else {
        up_reason_ = hook.error().text;
    }
}

void FastPath::open_down() {
    down_ = uplink_ingress_bpf__open();
    if (down_ != nullptr) {
        down_->rodata->home_interface = static_cast<std::uint32_t>(settings_.interface);
    }
    const int error = down_ == nullptr ? errno : uplink_ingress_bpf__load(down_);
    if (error != 0) {
        down_reason_ = refusal(error);
        uplink_ingress_bpf__destroy(std::exchange(down_, nullptr));
        return;
    }
    open_joiner();
}

void FastPath::open_joiner() {
    joined_ = TrafficHook{};
    joiner_.reset();
    apart_reason_.clear();
    Result<Joiner> joiner = Joiner::make(settings_.interface);
    if (!joiner) {
        apart_reason_ = joiner.error().text;
        return;
    }
    Result<TrafficHook> hook = TrafficHook::attach(joiner->far(), TrafficHook::Direction::ingress,
                                                   bpf_program__fd(down_->progs.homeward_joined));
    if (!hook) {
        apart_reason_ = hook.error().text;
        return;
    }
    joiner_ = std::move(*joiner);
    joined_ = std::move(*hook);
}

FastPath::~FastPath() {
    uplinks_.clear();
    egress_.detach();
    joined_.detach();
    tunnel_egress_bpf__destroy(up_);
    uplink_ingress_bpf__destroy(down_);
}

void FastPath::set(policy::Label label, const Uplink& uplink) {
    Carried& carried = uplinks_[label];
    if (same(carried.uplink, uplink)) {
        return;
    }
    if (carried.uplink.interface != uplink.interface) {
        forget(label, carried);
        carried.ingress.detach();
    }
    carried.uplink = uplink;
    write_path(label, carried);
    write_tunnel_end(label, carried);
}

void FastPath::write_path(policy::Label label, Carried& carried) {
    carried.up_reason.clear();
    if (up_ == nullptr) {
        return;
    }
    const Uplink& uplink = carried.uplink;
    homeward_path path{};
    path.interface = static_cast<std::uint32_t>(uplink.interface);
    path.care_of = uplink.care_of.wire().raw();
    path.home_agent = uplink.home_agent.wire().raw();
    path.next_hop = uplink.next_hop.wire().raw();
    path.port = wire::be16{uplink.port}.raw();
    path.mtu = uplink.path_mtu;
    path.copy_ecn = settings_.copy_ecn ? 1 : 0;
    path.clamp_mss = uplink.clamp_mss ? 1 : 0;
    path.plain = uplink.plain ? 1 : 0;
    carried.up_reason = link_header(uplink.interface) ? write(up_->maps.paths, label, path) : "unknown kind of link";
}

void FastPath::write_tunnel_end(policy::Label label, Carried& carried) {
    if (down_ == nullptr) {
        return;
    }
    const Uplink& uplink = carried.uplink;
    const std::optional<std::uint8_t> header = link_header(uplink.interface);
    if (!header) {
        carried.down_reason = "unknown kind of link";
        return;
    }
    homeward_tunnel_end end{};
    end.care_of = uplink.care_of.wire().raw();
    end.home_agent = uplink.home_agent.wire().raw();
    end.home_address = uplink.home_address.wire().raw();
    end.interface = static_cast<std::uint32_t>(settings_.interface);
    end.joiner = joiner_ ? static_cast<std::uint32_t>(joiner_->near()) : 0;
    end.port = wire::be16{uplink.port}.raw();
    end.mtu = uplink.interface_mtu;
    end.label = label;
    end.link_header = *header;
    end.clamp_mss = uplink.clamp_mss ? 1 : 0;
    end.plain = uplink.takes_plain ? 1 : 0;
    carried.down_reason = write(down_->maps.tunnel_ends, static_cast<std::uint32_t>(uplink.interface), end);
    if (!carried.ingress.present()) {
        attach_ingress(carried);
    }
}

void FastPath::attach_ingress(Carried& carried) {
    Result<TrafficHook> hook =
        TrafficHook::attach(carried.uplink.interface, TrafficHook::Direction::ingress, down_fd());
    if (hook) {
        carried.ingress = std::move(*hook);
        carried.down_reason.clear();
    } else {
        carried.down_reason = hook.error().text;
    }
}

void FastPath::forget(policy::Label label, const Carried& carried) {
    if (up_ != nullptr) {
        erase(up_->maps.paths, label);
    }
    if (down_ != nullptr) {
        erase(down_->maps.tunnel_ends, static_cast<std::uint32_t>(carried.uplink.interface));
    }
}

void FastPath::clear(policy::Label label) {
    if (const auto found = uplinks_.find(label); found != uplinks_.end()) {
        forget(label, found->second);
        uplinks_.erase(found);
    }
}

/// Once lost, it is made anew with every call until that succeeds; where it could not be made at the start, it cannot
/// now.
bool FastPath::repair_joiner() {
    if (down_ == nullptr || !joiner_ || joined_.present()) {
        return false;
    }
    open_joiner();
    for (auto& [label, carried] : uplinks_) {
        write_tunnel_end(label, carried);
    }
    return true;
}

bool FastPath::repair() {
    bool changed = repair_joiner();
    if (up_ != nullptr && !egress_.present()) {
        Result<TrafficHook> hook = TrafficHook::attach(settings_.interface, TrafficHook::Direction::egress, up_fd());
        changed = changed || hook || up_reason_ != hook.error().text;
        up_reason_ = hook ? std::string{} : hook.error().text;
        if (hook) {
            egress_ = std::move(*hook);
        }
    }
    for (auto& [label, carried] : uplinks_) {
        if (down_ != nullptr && !carried.ingress.present()) {
            const std::string before = std::exchange(carried.down_reason, {});
            write_tunnel_end(label, carried);
            changed = changed || carried.down_reason.empty() || carried.down_reason != before;
        }
    }
    return changed;
}

FastPath::Way FastPath::up(policy::Label label) const {
    const auto found = uplinks_.find(label);
    if (!up_reason_.empty() || found == uplinks_.end()) {
        return {false, up_reason_};
    }
    return {found->second.up_reason.empty(), found->second.up_reason};
}

FastPath::Way FastPath::down(policy::Label label) const {
    const auto found = uplinks_.find(label);
    if (!down_reason_.empty() || found == uplinks_.end()) {
        return {false, down_reason_};
    }
    if (!found->second.down_reason.empty()) {
        return {false, found->second.down_reason};
    }
    return {true, joiner_ ? "joins TCP segments" : "TCP segments stay apart: " + apart_reason_};
}

FastPath::Traffic FastPath::sent(policy::Label label) const {
    return up_ != nullptr ? sum_of<Traffic>(bpf_map__fd(up_->maps.sent), label) : Traffic{};
}

FastPath::Traffic FastPath::received(policy::Label label) const {
    return down_ != nullptr ? sum_of<Traffic>(bpf_map__fd(down_->maps.received), label) : Traffic{};
}

std::uint64_t FastPath::joined(policy::Label label) const {
    return down_ != nullptr ? sum_of<homeward_joining>(bpf_map__fd(down_->maps.joining), label).packets : 0;
}

int FastPath::up_fd() const {
    return up_ != nullptr ? bpf_program__fd(up_->progs.homeward_up) : -1;
}

int FastPath::down_fd() const {
    return down_ != nullptr ? bpf_program__fd(down_->progs.homeward_down) : -1;
}

}  // namespace homeward::bpf
