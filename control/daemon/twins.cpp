#include "twins.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "mip/tunnel.h"

namespace homeward::daemon {
namespace {

Error twin_error(const config::Port& port, const std::string& what) {
    return {"port " + port.name + ", twin " + port.twin + ": " + what};
}

Status create_tap(const config::Port& port) {
    const int fd = ::open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    if (fd < 0) {
        return twin_error(port, std::string("cannot open /dev/net/tun: ") + std::strerror(errno));
    }
    ifreq request{};
    std::strncpy(request.ifr_name, port.twin.c_str(), IFNAMSIZ - 1);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    Status status;
    if (::ioctl(fd, TUNSETIFF, &request) != 0 || ::ioctl(fd, TUNSETPERSIST, 1) != 0) {
        status = twin_error(port, std::string("cannot create the TAP: ") + std::strerror(errno) +
                                      " (homeward-control needs CAP_NET_ADMIN)");
    }
    ::close(fd);
    return status;
}

Status set_up(const config::HomeAgent& config, const config::Port& port, Netlink& netlink) {
    if (::if_nametoindex(port.twin.c_str()) == 0) {
        if (const Status made = create_tap(port); !made) {
            return made;
        }
    }
    const unsigned interface = ::if_nametoindex(port.twin.c_str());
    if (const Status set = netlink.set_link(interface, port.mtu, true); !set) {
        return twin_error(port, set.error().text);
    }
    for (const std::string& text : port.addresses) {
        const auto address = InterfaceAddress::parse(text);
        if (!address) {
            return twin_error(port, "`" + text + "` is not an address with a prefix length");
        }
        if (const Status put = netlink.put_address(interface, *address); !put) {
            return twin_error(port, put.error().text);
        }
        for (const config::HomeNetwork& network : config.home_networks) {
            if (network.port != port.name || !network.prefix.contains(address->address)) {
                continue;
            }
            const Status routed =
                netlink.put_link_route(interface, network.prefix, address->address, tunnel_mtu(config));
            if (!routed) {
                return twin_error(port, routed.error().text);
            }
        }
    }
    return {};
}

}  // namespace

std::uint16_t tunnel_mtu(const config::HomeAgent& config) {
    std::uint16_t smallest = 1500;
    for (const config::Port& port : config.ports) {
        smallest = std::min(smallest, port.mtu);
    }
    return static_cast<std::uint16_t>(smallest - mip::kTunnelOverhead);
}

Status create_twins(const config::HomeAgent& config, Netlink& netlink) {
    for (const config::Port& port : config.ports) {
        if (const Status ready = set_up(config, port, netlink); !ready) {
            return ready;
        }
    }
    return {};
}

}  // namespace homeward::daemon
