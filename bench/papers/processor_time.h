#pragma once

#include <cstdint>

namespace homeward::papers {

/// Microseconds of processor time that this thread had, so that what else runs on the machine does not count.
double processor_us();
/// The same as a `selection::Deadline::Clock`.
std::uint64_t processor_clock(void* context);

}  // namespace homeward::papers
