#pragma once

#include <string>

#include "admin/server.h"
#include "agent.h"

namespace homeward::mn {

/// The node's rows of docs/admin-api.md.
void serve(admin::Server& server, Agent& agent);

}  // namespace homeward::mn
