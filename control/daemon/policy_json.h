#pragma once

#include <nlohmann/json.hpp>

#include "config/home_agent.h"
#include "policy/rule.h"
#include "registration/home_agent.h"

namespace homeward::daemon {

/// "wlan" for a label that the configuration names, "binding 3" for a binding id, else "label 3".
std::string uplink_name(const config::UplinkNames& names, const registration::PolicyRef& policy, policy::Label label);

nlohmann::json generation_json(const registration::PolicyRef& policy);
const char* source_name(const registration::PolicyRef& policy);
/// `GET /v1/policy` for one node.
nlohmann::json policy_json(const registration::NodeView& node, const config::UplinkNames& names, bool all);
/// `GET /v1/route` for one node and flow.
nlohmann::json route_json(const registration::NodeView& node, const config::UplinkNames& names,
                          const policy::FlowKey& flow);

}  // namespace homeward::daemon
