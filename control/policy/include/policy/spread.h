#pragma once

#include <homeward/spread.h>

#include "policy/table.h"

namespace homeward::policy {

/// Both directions of a flow have the same.
inline std::uint64_t hash_of(const FlowKey& flow) noexcept {
    const std::uint32_t ports = flow.has_port ? std::uint32_t{flow.node_port} << 16U | flow.port : 0U;
    return homeward_flow_hash(flow.node.host(), flow.correspondent.host(), ports, flow.protocol);
}

/// What an uplink of a choice that spreads is to carry relative to the others; 0: nothing while another is up.
inline std::uint32_t weight_of(const Choice& choice, const Rates& rates, std::size_t place) noexcept {
    const unsigned weight = choice.weights[place];
    return choice.mode == Mode::spread_by_rate && weight != 0 ? rates.of(choice.uplinks[place]) : weight;
}

/// The uplink of a choice that spreads which has the flow with this hash (homeward/spread.h): of those with a weight
/// that are usable, else the first usable reserve. 0: none is usable. `usable` is asked once per label at most.
template <class Usable>
Label spread(const Choice& choice, const Rates& rates, std::uint64_t hash, Usable usable) {
    Label nearest = 0;
    std::uint32_t distance = 0;
    std::uint32_t weight = 0;  // of the nearest; 0: it is a reserve, or there is none
    for (std::size_t i = 0; i < choice.uplinks.size(); ++i) {
        const Label label = choice.uplinks[i];
        const std::uint32_t own_weight = weight_of(choice, rates, i);
        if ((own_weight == 0 && nearest != 0) || !usable(label)) {
            continue;
        }
        const std::uint32_t own = homeward_distance(hash, label);
        if (weight == 0 || homeward_nearer(own, own_weight, distance, weight)) {
            nearest = label;
            distance = own;
            weight = own_weight;
        }
    }
    return nearest;
}

/// The uplink for `flow`, as the choice's mode has it; 0: none is usable.
template <class Usable>
Label choose(const Choice& choice, const Rates& rates, const FlowKey& flow, Usable usable) {
    if (spreads(choice.mode)) {
        return spread(choice, rates, hash_of(flow), usable);
    }
    const auto found = std::find_if(choice.uplinks.begin(), choice.uplinks.end(), usable);
    return found == choice.uplinks.end() ? Label{0} : *found;
}

}  // namespace homeward::policy
