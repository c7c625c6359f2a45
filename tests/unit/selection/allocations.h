#pragma once

#include <cstddef>

namespace homeward::selection {

/// How often this thread asked for memory by `new` so far; the program's own `operator new` counts.
std::size_t allocations();

}  // namespace homeward::selection
