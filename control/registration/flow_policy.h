#pragma once

#include <variant>
#include <vector>

#include "mip/extension.h"
#include "mip/reply.h"
#include "policy/rule.h"
#include "registration/binding.h"

namespace homeward::registration {

/// Binding ids in ascending order: where what no rule matches goes.
policy::LabelList live_binding_ids(const std::vector<Binding>& bindings);

/// Turns RFC 7629 flow bindings into rules whose labels are binding ids; `bindings` are those that will be live.
/// Ranges become prefixes and single protocols. A code instead: 153 when a rule has no live binding at all, 129 when a
/// selector names what steering does not look at (the node's ports, DSCP, IPsec SPI), 130 beyond `max_rules`.
std::variant<policy::Policy, mip::ReplyCode> policy_of(const std::vector<mip::FlowBinding>& flows,
                                                       const std::vector<Binding>& bindings,
                                                       wire::Ipv4Address home_address, std::size_t max_rules);

}  // namespace homeward::registration
