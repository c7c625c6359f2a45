#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "result/result.h"

namespace homeward::config {

enum class FileKind : std::uint8_t { home_agent, mobile_node, policy };

/// Which of the three files this is, told by its top-level keys (`home_agent`, `node`, `default` or `rules`).
Result<FileKind> recognise(const std::filesystem::path& file);

/// What `homeward check` says: reads the file as what it is, with everything it names, and describes it in one line
/// ("policy of 3 rules; default wlan, cellular"). A policy is checked on its own: any uplink name is good.
Result<std::string> check(const std::filesystem::path& file);

}  // namespace homeward::config
