#include "carried_flows.h"

#include <utility>

#include "policy/spread.h"

namespace homeward::mn {
namespace {

policy::FlowKey key_of(const choice::FlowEnd& end) {
    return {.correspondent = end.correspondent, .protocol = end.protocol, .has_port = end.port != 0, .port = end.port};
}

choice::FlowEnd end_of(const homeward_flow_key& key) {
    return {wire::Ipv4Address{wire::be32::from_raw(key.correspondent)}, key.protocol, key.port};
}

homeward_flow_key key_in_kernel(const choice::FlowEnd& end) {
    return {.correspondent = end.correspondent.wire().raw(), .port = end.port, .protocol = end.protocol, .reserved = 0};
}

}  // namespace

CarriedFlows::CarriedFlows(std::unique_ptr<bpf::FlowCounts> counts, const choice::FlowWatch::Settings& settings,
                           selection::FlowInterest interest)
    : counts_(std::move(counts)), watch_(settings), all_(interest == selection::FlowInterest::assigned) {
    read_.reserve(HOMEWARD_FLOWS);
}

Result<std::unique_ptr<CarriedFlows>> CarriedFlows::open(int interface, const choice::FlowWatch::Settings& settings,
                                                         selection::FlowInterest interest) {
    Result<std::unique_ptr<bpf::FlowCounts>> counts = bpf::FlowCounts::attach(interface);
    if (!counts) {
        return counts.error();
    }
    return std::unique_ptr<CarriedFlows>{new CarriedFlows(std::move(*counts), settings, interest)};
}

/// A correspondent's port does not tell one connection from another, so those of a rule that spreads count by weight.
void CarriedFlows::bind(const policy::Choice& choice, const Ways& ways, double mbps) {
    std::uint32_t sum = 0;
    for (std::size_t i = 0; policy::spreads(choice.mode) && i < choice.uplinks.size(); ++i) {
        sum += ways.usable(choice.uplinks[i]) ? policy::weight_of(choice, ways.table.rates(), i) : 0;
    }
    if (sum == 0) {
        bound_[policy::choose(choice, ways.table.rates(), {}, ways.usable)] += mbps;
        return;
    }
    for (std::size_t i = 0; i < choice.uplinks.size(); ++i) {
        if (ways.usable(choice.uplinks[i])) {
            bound_[choice.uplinks[i]] += mbps * policy::weight_of(choice, ways.table.rates(), i) / sum;
        }
    }
}

bool CarriedFlows::movable(const choice::WatchedFlow& flow, const Ways& ways) {
    const policy::Candidate& decides = ways.table.lookup(key_of(flow.end));
    if (decides.rule == policy::kFallbackRule || decides.rule >= ways.written_rules) {
        return all_ || flow.open;
    }
    bind(decides, ways, flow.demand_mbps);
    return false;
}

Status CarriedFlows::look(selection::Seconds now, const Ways& ways) {
    read_.clear();
    const Status read = counts_->read([this](const homeward_flow_key& key, const homeward_flow_bytes& bytes) {
        read_.push_back({end_of(key), bytes.up + bytes.down});
    });
    watch_.sample(now, read_);
    for (const choice::FlowEnd& end : watch_.gone()) {
        counts_->forget(key_in_kernel(end));
    }
    bound_.fill(0);
    seen_.clear();
    for (const choice::WatchedFlow& flow : watch_.heaviest([&](const auto& each) { return movable(each, ways); })) {
        const policy::FlowKey key = key_of(flow.end);
        const policy::Label by = policy::choose(ways.table.lookup(key), ways.table.rates(), key, ways.usable);
        seen_.push_back({flow.id, flow.end, by, flow.demand_mbps, flow.on_s, flow.off_s});
    }
    return read;
}

}  // namespace homeward::mn
