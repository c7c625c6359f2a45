#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>
#include <vector>

#include "result/result.h"

namespace homeward::trace {

/// One flow of flows.csv (docs/traces.md).
struct Flow {
    std::uint32_t id = 0;
    std::uint16_t app = 0;
    bool real_time = false;
    double start_s = 0;
    double end_s = 0;  ///< after start_s
    double demand_mbps = 0;
    double on_s = 1, off_s = 1;
    bool time_critical = false;
    double continuity = 0;  ///< 0 to 1
};

/// The error names file and line; a file with one bad cell is refused whole.
Result<std::vector<Flow>> load_flows(const std::filesystem::path& file);
Result<std::vector<Flow>> parse_flows(std::string_view name, std::string_view text);

}  // namespace homeward::trace
