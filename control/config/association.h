#pragma once

#include <string>
#include <vector>

#include "config/home_agent.h"
#include "value.h"

namespace homeward::config {

/// Reads spi, algorithm, replay and key or key_file. No error text holds a byte of a key. A key that everybody on
/// the machine may read adds a line to `warnings`.
SecurityAssociation read_association(const Value& value, std::vector<std::string>& warnings);

}  // namespace homeward::config
