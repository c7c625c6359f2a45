#pragma once

#include <string_view>
#include <variant>
#include <vector>

#include "config/engine.h"
#include "config/mobile_node.h"
#include "value.h"

namespace homeward::config {

/// Reads `engine: NAME`, or the map with its constants. `uplinks` were read before.
Engine read_engine(const Value& value, const std::vector<UplinkConfig>& uplinks);

/// One key of a map, where its value goes and what it may be. Seconds are written with their unit.
struct Seconds {
    double* value;
};
struct Field {
    std::string_view key;
    std::variant<double*, Seconds, std::uint32_t*, std::uint64_t*, bool*> target;
    double least = 0;
    double most = 1e9;
};
/// Reads the keys that are there; `others` are keys that the caller reads itself, from what is returned.
Map read_fields(const Value& value, const std::vector<Field>& fields, const std::vector<std::string_view>& others = {});

/// One section for each engine that has constants; false: `name` is none.
bool read_engine_section(std::string_view name, const Value& value, const std::vector<UplinkConfig>& uplinks,
                         selection::EngineSettings& out);
/// The keys that `read_engine_section` knows.
std::vector<std::string_view> engine_sections();
/// Where access points are and which way people walk.
selection::SiteMap read_site(const Value& value, const std::vector<UplinkConfig>& uplinks);
/// The number of the uplink of that name, from 1.
selection::InterfaceId read_uplink_name(const Value& value, const std::vector<UplinkConfig>& uplinks);

}  // namespace homeward::config
