#include <linux/netlink.h>

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "netlink/message.h"

/// Any netlink message whose header fits its buffer, through all three parsers; what they accept is well-formed.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace homeward::netlink;
    if (size < sizeof(nlmsghdr)) {
        return 0;
    }
    std::vector<std::uint32_t> aligned((size + 3) / 4);
    std::memcpy(aligned.data(), data, size);
    // The caller's check, mnl_nlmsg_ok, made true: the length is never more than there is.
    const auto length = static_cast<std::uint32_t>(size);
    std::memcpy(aligned.data(), &length, sizeof length);
    const auto* message = reinterpret_cast<const nlmsghdr*>(aligned.data());
    if (const auto route = parse_route(message)) {
        if (route->prefix.length > 32 || !route->prefix.contains(route->prefix.network)) {
            std::abort();
        }
    }
    parse_neighbour(message);
    parse_link(message);
    return 0;
}
