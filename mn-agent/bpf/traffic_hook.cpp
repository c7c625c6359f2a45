#include "bpf_steering/traffic_hook.h"

#include <bpf/libbpf.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "netlink/message.h"
#include "netlink/socket.h"

namespace homeward::bpf {
namespace {

constexpr std::uint32_t kFirstPriority = 4339;
constexpr std::uint32_t kHandle = 1;

bpf_tc_hook hook_of(int interface, TrafficHook::Direction direction) {
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = interface,
                .attach_point = direction == TrafficHook::Direction::ingress ? BPF_TC_INGRESS : BPF_TC_EGRESS);
    return hook;
}

std::uint32_t priority_of(TrafficHook::Turn turn) {
    return kFirstPriority + (turn == TrafficHook::Turn::watches ? 0U : 1U);
}

/// An interface that is gone has none.
bool has_filters(int interface) {
    Result<netlink::Socket> socket = netlink::Socket::open();
    bool found = false;
    for (const std::uint32_t parent : {TC_H_MIN_INGRESS, TC_H_MIN_EGRESS}) {
        netlink::Message request(RTM_GETTFILTER, 0);
        auto& header = request.extra<tcmsg>();
        header.tcm_family = AF_UNSPEC;
        header.tcm_ifindex = interface;
        header.tcm_parent = TC_H_MAKE(TC_H_CLSACT, parent);
        const auto see = [&](const nlmsghdr& message) { found = found || message.nlmsg_type == RTM_NEWTFILTER; };
        if (!socket || socket->dump(request, see) != 0) {
            return found;
        }
    }
    return found;
}

}  // namespace

TrafficHook& TrafficHook::operator=(TrafficHook&& other) noexcept {
    if (this != &other) {
        const bool same_place =
            interface_ == other.interface_ && direction_ == other.direction_ && turn_ == other.turn_;
        if (!same_place) {
            detach();
        }
        interface_ = std::exchange(other.interface_, 0);
        direction_ = other.direction_;
        turn_ = other.turn_;
        made_qdisc_ = other.made_qdisc_ || (same_place && made_qdisc_);
    }
    return *this;
}

Result<TrafficHook> TrafficHook::attach(int interface, Direction direction, int program, Turn turn) {
    bpf_tc_hook hook = hook_of(interface, direction);
    const int made = bpf_tc_hook_create(&hook);
    if (made != 0 && made != -EEXIST) {
        return Error{std::string("no clsact qdisc: ") + std::strerror(-made)};
    }
    TrafficHook result;
    result.interface_ = interface;
    result.direction_ = direction;
    result.turn_ = turn;
    result.made_qdisc_ = made == 0;
    LIBBPF_OPTS(bpf_tc_opts, options, .prog_fd = program, .flags = BPF_TC_F_REPLACE, .handle = kHandle,
                .priority = priority_of(turn));
    if (const int error = bpf_tc_attach(&hook, &options); error != 0) {
        return Error{std::string("attaching to clsact: ") + std::strerror(-error)};
    }
    return result;
}

bool TrafficHook::present() const {
    const bpf_tc_hook hook = hook_of(interface_, direction_);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = priority_of(turn_));
    return interface_ != 0 && bpf_tc_query(&hook, &options) == 0;
}

void TrafficHook::detach() {
    if (interface_ == 0) {
        return;
    }
    bpf_tc_hook hook = hook_of(std::exchange(interface_, 0), direction_);
    LIBBPF_OPTS(bpf_tc_opts, options, .handle = kHandle, .priority = priority_of(turn_));
    bpf_tc_detach(&hook, &options);
    if (made_qdisc_ && !has_filters(hook.ifindex)) {
        hook.attach_point = static_cast<bpf_tc_attach_point>(BPF_TC_INGRESS | BPF_TC_EGRESS);
        bpf_tc_hook_destroy(&hook);
    }
}

}  // namespace homeward::bpf
