#pragma once

#include <cstdint>
#include <map>
#include <string>

#include "admin/server.h"
#include "agent.h"

namespace homeward::mn {

/// GET /v1/drops: packets given up, by reason.
std::map<std::string, std::uint64_t> drops_of(const Agent& agent);

/// GET /v1/stats: everything else that is counted, by name.
std::map<std::string, std::uint64_t> counters_of(const Agent& agent);

/// GET /metrics: the same, and what is known of the paths.
admin::Reply metrics_view(const Agent& agent);

}  // namespace homeward::mn
