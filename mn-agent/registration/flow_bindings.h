#pragma once

#include <vector>

#include "mip/extension.h"
#include "policy/rule.h"

namespace homeward::mn::registration {

/// The policy as RFC 7629 flow bindings, in order, the fallback last. They name only `live` bindings (§5.1: others are
/// unknown to the home agent), whose ids are their labels; a rule without a live one drops.
std::vector<mip::FlowBinding> flow_bindings_of(const policy::Policy& policy, const policy::LabelList& live);

}  // namespace homeward::mn::registration
