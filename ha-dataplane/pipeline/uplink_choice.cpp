#include "uplink_choice.h"

#include <bit>

#include "policy/spread.h"

namespace homeward::pipeline {
namespace {

using tables::Binding;
using tables::UplinkWord;

policy::FlowKey key_of(const Ipv4Header& ip) {
    policy::FlowKey key{.correspondent = ip.from(), .protocol = ip.protocol, .node = ip.to()};
    if (has_ports(ip.protocol) && ip.total_length.host() >= sizeof ip + 2 * sizeof(be16)) {
        const auto* ports = reinterpret_cast<const be16*>(&ip + 1);
        key.has_port = true;
        key.port = ports[0].host();
        key.node_port = ports[1].host();
    }
    return key;
}

/// The slots of the binding's first line whose word fits, as bits.
unsigned fitting(const Binding& binding, std::uint64_t mask, std::uint64_t wanted) {
    unsigned slots = 0;
    for (unsigned slot = 0; slot < Binding::kFirstLine; ++slot) {
        slots |= static_cast<unsigned>((binding.near_uplink(slot).bits() & mask) == wanted) << slot;
    }
    return slots;
}

/// Of several slots, the one that the node prefers.
unsigned first_in_order(std::uint32_t order, unsigned slots) {
    for (unsigned position = 0; position < Binding::count(order); ++position) {
        if ((slots >> Binding::slot(order, position) & 1) != 0) {
            return Binding::slot(order, position);
        }
    }
    return static_cast<unsigned>(std::countr_zero(slots));
}

/// By the hint, else by a search. A binding prefers what is up in its hints: an uplink of a name that is down has no
/// other beside it.
Chosen named_uplink(const Binding& binding, policy::Label name) {
    const Chosen likely = likely_uplink(binding, name);
    if (is_up_as(likely.uplink, name)) {
        return likely;
    }
    return likely.uplink.name() == name ? Chosen{} : any_uplink(binding, kNamedAndUp, up_as(name));
}

/// When the policy was replaced since the choice was found, this packet goes by the old rule and the new rates.
Chosen uplink_by_flow(const Binding& binding, const policy::Choice& choice, const policy::FlowKey& flow) {
    const auto usable = [&](policy::Label name) { return fitting(binding, kNamedAndUp, up_as(name)) != 0; };
    const tables::Policy* policy = binding.policy.load(std::memory_order_acquire);
    if (policy == nullptr) {
        return {};
    }
    const policy::Label name = policy::spread(choice, policy->table.rates(), policy::hash_of(flow), usable);
    return name == 0 ? Chosen{} : any_uplink(binding, kNamedAndUp, up_as(name));
}

}  // namespace

Chosen any_uplink(const tables::Binding& binding, std::uint64_t mask, std::uint64_t wanted) {
    const unsigned slots = fitting(binding, mask, wanted);
    if (slots == 0) {
        return {};
    }
    const unsigned slot = first_in_order(binding.order.load(std::memory_order_acquire), slots);
    const UplinkWord uplink = binding.near_uplink(slot);  // the writer may have changed it: it must fit still
    return {uplink, (uplink.bits() & mask) == wanted ? binding.near_mtu(slot) : std::uint16_t{0}};
}

Chosen uplink_by_list(const tables::Binding& binding, const policy::Choice& first, const Ipv4Header& ip) {
    const policy::FlowKey flow = key_of(ip);
    const policy::Choice& choice = policy::Table::decide(first, flow);
    if (policy::spreads(choice.mode)) {
        return uplink_by_flow(binding, choice, flow);
    }
    for (const policy::Label name : choice.uplinks) {
        if (const Chosen chosen = named_uplink(binding, name); chosen.mtu != 0) {
            return chosen;
        }
    }
    return {};
}

}  // namespace homeward::pipeline
