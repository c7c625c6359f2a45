#pragma once

#include "config/policy_file.h"
#include "value.h"

namespace homeward::config {

/// Reads `default` and `rules` of a map. What is wrong goes to the value's Report.
PolicyFile read_policy(const Value& value, const UplinkNames& uplinks);
/// Reads `policy: FILE` (relative to the file that says so) or a policy in place.
PolicyFile read_policy_or_file(const Value& value, const UplinkNames& uplinks);

}  // namespace homeward::config
