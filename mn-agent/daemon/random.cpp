#include "random.h"

#include <sys/random.h>

#include <stdexcept>

namespace homeward::mn {

std::uint64_t random_number() {
    std::uint64_t value = 0;
    if (::getrandom(&value, sizeof value, 0) != static_cast<ssize_t>(sizeof value)) {
        throw std::runtime_error("getrandom failed");
    }
    return value;
}

}  // namespace homeward::mn
