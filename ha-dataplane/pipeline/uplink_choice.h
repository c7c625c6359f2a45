#pragma once

#include <cstdint>

#include "pipeline/express.h"
#include "pipeline/headers.h"
#include "policy/table.h"
#include "tables/binding.h"

/// By which uplink the express lane sends a packet down.
namespace homeward::pipeline {

inline constexpr std::uint64_t kNamedAndUp = tables::UplinkWord::kUp | tables::UplinkWord::kName;

constexpr std::uint64_t up_as(policy::Label name) {
    return tables::UplinkWord::kUp | std::uint64_t{name} << tables::UplinkWord::kNameShift;
}

/// The uplink that the binding's hint for this name leads to, whatever it is.
[[gnu::always_inline]] inline Chosen likely_uplink(const tables::Binding& binding, policy::Label name) {
    const unsigned slot = binding.likely_slot(name);
    return {binding.near_uplink(slot), binding.near_mtu(slot)};
}

[[gnu::always_inline]] inline bool is_up_as(tables::UplinkWord uplink, policy::Label name) {
    return (uplink.bits() & kNamedAndUp) == up_as(name);
}

static_assert(policy::Lead::kUp == tables::UplinkWord::kUp && policy::Lead::kPresent == tables::UplinkWord::kPresent &&
              policy::Lead::kNameShift == tables::UplinkWord::kNameShift);

/// Whether it is the preferred uplink, and up. False when there is none.
[[gnu::always_inline]] inline bool is_preferred_and_up(tables::UplinkWord uplink, policy::Lead lead) {
    return ((static_cast<std::uint32_t>(uplink.bits()) ^ lead.bits()) & policy::Lead::kUplink) == 0;
}

/// The first uplink, in the node's order, whose word fits. A slot that is not in the order has an empty word, or for a
/// moment that of an uplink just going or coming.
[[gnu::cold, gnu::noinline]] Chosen any_uplink(const tables::Binding& binding, std::uint64_t mask,
                                               std::uint64_t wanted);

/// Of the choices from `first` on, the one that decides for the packet, and the uplink that it leads to.
[[gnu::cold, gnu::noinline]] Chosen uplink_by_list(const tables::Binding& binding, const policy::Choice& first,
                                                   const Ipv4Header& ip);

}  // namespace homeward::pipeline
