#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "agent.h"

namespace homeward::mn {

/// Where the uplink of `slot` stands: a word of docs/admin-api.md.
std::string uplink_state(const Agent& agent, unsigned slot);

/// What probes and transfers told of the path. Unknown is null.
nlohmann::json path_view(const Agent& agent, unsigned slot);

/// A row of GET /v1/uplinks.
nlohmann::json uplink_view(const Agent& agent, unsigned slot);

}  // namespace homeward::mn
