#pragma once

#include <string_view>

#include "trace/links.h"

namespace homeward::trace {

/// One object per line and moment: {"t":…, "pos":{"lat":…}, "dev":{"battery":…}, "links":[{"iface":…, …}]}, with the
/// CSV's names. A key that is absent or null is unknown; another key is an error.
Result<Trace> parse_json_lines(std::string_view name, std::string_view text);

}  // namespace homeward::trace
