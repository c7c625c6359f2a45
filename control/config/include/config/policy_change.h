#pragma once

#include <cstddef>
#include <string>

#include "config/policy_file.h"

namespace homeward::config {

/// What a reload did to a policy. A rule that only moved is neither added nor removed; `reordered` tells.
struct PolicyChange {
    std::size_t added = 0;
    std::size_t removed = 0;
    bool reordered = false;  ///< what both have stands in another order
    bool fallback = false;   ///< `default` changed

    bool any() const { return added != 0 || removed != 0 || reordered || fallback; }
};

PolicyChange compare(const policy::Policy& from, const policy::Policy& to);
/// "3 rules added, 1 removed, default changed"; "no change".
std::string describe(const PolicyChange& change);

}  // namespace homeward::config
