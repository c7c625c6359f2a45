#pragma once

#include <string>

namespace bench {

/// Takes the calling thread into a namespace of `ip netns`; sockets and programs stay where they were made.
/// Throws std::system_error.
void enter_namespace(const std::string& name);

/// Index of a device of the current namespace. Throws std::system_error.
int device_index(const std::string& name);

}  // namespace bench
