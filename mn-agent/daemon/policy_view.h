#pragma once

#include <nlohmann/json.hpp>

#include "admin/server.h"
#include "agent.h"

namespace homeward::mn {

/// GET /v1/policy; without `all` no more rules than a person reads.
nlohmann::json policy_view(const Agent& agent, bool all);

/// GET /v1/route: which way a flow would go now, and why.
admin::Reply route_view(const Agent& agent, const admin::Request& request);

}  // namespace homeward::mn
