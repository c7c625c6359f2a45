#include "processor_time.h"

#include <ctime>

namespace homeward::papers {

double processor_us() {
    timespec now{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return static_cast<double>(now.tv_sec) * 1e6 + static_cast<double>(now.tv_nsec) * 1e-3;
}

std::uint64_t processor_clock(void* /*context*/) {
    return static_cast<std::uint64_t>(processor_us());
}

}  // namespace homeward::papers
