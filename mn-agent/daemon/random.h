#pragma once

#include <cstdint>

namespace homeward::mn {

/// 64 bits from the kernel. Throws if it has none, which it does not.
std::uint64_t random_number();

}  // namespace homeward::mn
