#include "service_manager.h"

#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cstddef>
#include <cstdlib>

#include "descriptor/unique_fd.h"

namespace homeward::mn {

void tell_service_manager(std::string_view state) {
    const char* value = std::getenv("NOTIFY_SOCKET");
    const std::string_view path = value != nullptr ? value : "";
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.empty() || (path[0] != '/' && path[0] != '@') || path.size() >= sizeof address.sun_path) {
        return;
    }
    std::copy(path.begin(), path.end(), address.sun_path);
    if (path[0] == '@') {
        address.sun_path[0] = '\0';  // Linux's abstract names
    }
    const UniqueFd fd{::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + path.size());
    if (fd) {
        ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL, reinterpret_cast<const sockaddr*>(&address),
                 length);
    }
}

}  // namespace homeward::mn
