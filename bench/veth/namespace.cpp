#include "namespace.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <system_error>

namespace bench {

void enter_namespace(const std::string& name) {
    const std::string path = "/run/netns/" + name;
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0 || setns(file, CLONE_NEWNET) != 0) {
        throw std::system_error{errno, std::generic_category(), path};
    }
    close(file);
}

int device_index(const std::string& name) {
    const unsigned index = if_nametoindex(name.c_str());
    if (index == 0) {
        throw std::system_error{errno, std::generic_category(), name};
    }
    return static_cast<int>(index);
}

}  // namespace bench
