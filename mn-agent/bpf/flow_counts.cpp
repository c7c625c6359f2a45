#include "bpf_steering/flow_counts.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "flow_counts.skel.h"

namespace homeward::bpf {
namespace {

Error refusal(const char* what, int error) {
    return {std::string(what) + ": " + std::strerror(error < 0 ? -error : error)};
}

}  // namespace

FlowCounts::FlowCounts(flow_counts_bpf* skeleton)
    : skeleton_(skeleton),
      cpus_(static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1))),
      keys_(HOMEWARD_FLOWS),
      values_(HOMEWARD_FLOWS * cpus_) {}

Result<std::unique_ptr<FlowCounts>> FlowCounts::attach(int interface) {
    using Direction = TrafficHook::Direction;
    flow_counts_bpf* skeleton = flow_counts_bpf__open();
    if (skeleton == nullptr) {
        return refusal("BPF flow counters cannot be read", errno);
    }
    std::unique_ptr<FlowCounts> result{new FlowCounts(skeleton)};
    if (const int error = flow_counts_bpf__load(skeleton); error != 0) {
        return refusal("the kernel refuses the BPF flow counters", error);
    }
    Result<TrafficHook> egress =
        TrafficHook::attach(interface, Direction::egress, result->up_fd(), TrafficHook::Turn::watches);
    if (!egress) {
        return egress.error();
    }
    result->egress_ = std::move(*egress);
    Result<TrafficHook> ingress =
        TrafficHook::attach(interface, Direction::ingress, result->down_fd(), TrafficHook::Turn::watches);
    if (!ingress) {
        return ingress.error();
    }
    result->ingress_ = std::move(*ingress);
    return result;
}

FlowCounts::~FlowCounts() {
    ingress_.detach();  // before the one that may have made the qdisc
    egress_.detach();
    flow_counts_bpf__destroy(skeleton_);
}

homeward_flow_bytes FlowCounts::sum_at(std::size_t flow) const {
    homeward_flow_bytes sum{};
    for (std::size_t cpu = 0; cpu < cpus_; ++cpu) {
        sum.up += values_[flow * cpus_ + cpu].up;
        sum.down += values_[flow * cpus_ + cpu].down;
    }
    return sum;
}

Status FlowCounts::read(const See& see) {
    const int map = bpf_map__fd(skeleton_->maps.flows);
    std::uint32_t place = 0;  // where the next batch begins, as the kernel tells
    for (bool first = true, more = true; more; first = false) {
        auto count = static_cast<std::uint32_t>(keys_.size());
        const int error =
            bpf_map_lookup_batch(map, first ? nullptr : &place, &place, keys_.data(), values_.data(), &count, nullptr);
        more = error == 0;
        if (error != 0 && errno != ENOENT) {  // ENOENT: these were the last
            return refusal("reading the BPF flow counters", errno);
        }
        for (std::size_t i = 0; i < count; ++i) {
            see(keys_[i], sum_at(i));
        }
    }
    return {};
}

void FlowCounts::forget(const homeward_flow_key& flow) {
    bpf_map_delete_elem(bpf_map__fd(skeleton_->maps.flows), &flow);
}

int FlowCounts::up_fd() const {
    return bpf_program__fd(skeleton_->progs.homeward_count_up);
}

int FlowCounts::down_fd() const {
    return bpf_program__fd(skeleton_->progs.homeward_count_down);
}

}  // namespace homeward::bpf
