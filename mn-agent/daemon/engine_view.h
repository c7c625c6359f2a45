#pragma once

#include "admin/server.h"
#include "agent.h"

namespace homeward::mn {

/// The rows of docs/admin-api.md about the selection engine.
void serve_engine(admin::Server& server, Agent& agent);

}  // namespace homeward::mn
