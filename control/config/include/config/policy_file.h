#pragma once

#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "policy/rule.h"
#include "result/result.h"

namespace homeward::config {

/// Uplink names and their labels (RFC 7629 If-Label).
using UplinkNames = std::map<std::string, policy::Label>;

/// A policy as written: the compiled rules and, index by index, the rules' names ("" where none is given).
struct PolicyFile {
    std::filesystem::path file;
    policy::Policy policy;
    std::vector<std::string> names;
};

/// Reads policy YAML. `prefer` is completed with the remaining uplinks of `default`; `only` is not; `drop: true` is
/// an empty list. `mode: spread` spreads over what `prefer` or `only` itself names. The error is one line: file:line,
/// key path, what was expected.
Result<PolicyFile> load_policy(const std::filesystem::path& file, const UplinkNames& uplinks);
/// The same from text that is at hand; `file` only names it in errors.
Result<PolicyFile> parse_policy(const std::filesystem::path& file, std::string_view text, const UplinkNames& uplinks);
/// The uplink names that a policy uses, numbered from 1 as they appear: enough to check a file on its own.
Result<UplinkNames> uplinks_named_in(const std::filesystem::path& file);

}  // namespace homeward::config
