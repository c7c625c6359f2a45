#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace homeward::admin {

/// None when a `%` is not followed by two hex digits, or a control character would come out.
std::optional<std::string> percent_decode(std::string_view text);

struct Target {
    std::string path;
    std::map<std::string, std::string, std::less<>> query;
};

/// An HTTP request target in origin form (RFC 9112 §3.2.1) or absolute form with any authority, decoded.
std::optional<Target> parse_target(std::string_view target);

}  // namespace homeward::admin
