#include "tunnel/tun_device.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

namespace homeward::tunnel {
namespace {

/// Where Linux distributions have it, else where Android has it. On failure errno is that of the first.
UniqueFd open_clone_device() {
    UniqueFd fd{::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    if (!fd && errno == ENOENT) {
        fd.reset(::open("/dev/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC));
    }
    return fd;
}

/// The kernel would send router solicitations into the tunnel. No IPv6 in this kernel: nothing to do.
void disable_ipv6(const std::string& name) {
    const std::string file = "/proc/sys/net/ipv6/conf/" + name + "/disable_ipv6";
    const UniqueFd fd{::open(file.c_str(), O_WRONLY | O_CLOEXEC)};
    if (fd && ::write(fd.get(), "1", 1) != 1) {
        return;
    }
}

// Not in older headers. The kernel takes UDP segmentation for both families or for none.
constexpr unsigned kUso4 = 0x20;
constexpr unsigned kUso6 = 0x40;

/// Offers to finish packets ourselves, as much as this kernel understands. It counts for the device.
TunDevice::Offload take_offload(const UniqueFd& queue) {
    constexpr unsigned kTcp = TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO_ECN;
    if (::ioctl(queue.get(), TUNSETOFFLOAD, kTcp | kUso4 | kUso6) == 0) {
        return TunDevice::Offload::tcp_udp;
    }
    return ::ioctl(queue.get(), TUNSETOFFLOAD, kTcp) == 0 ? TunDevice::Offload::tcp : TunDevice::Offload::none;
}

std::string advice(int error) {
    switch (error) {
        case EPERM:
        case EACCES:
            return " (needs CAP_NET_ADMIN or root)";
        case ENOENT:
        case ENODEV:
            return " (is the tun module loaded?)";
        case EBUSY:
            return " (is another homeward-mn running?)";
        default:
            return "";
    }
}

}  // namespace

Result<TunDevice> TunDevice::create(const std::string& name, unsigned queues, bool offload) {
    TunDevice device;
    device.name_ = name;
    if (name.size() >= IFNAMSIZ) {
        return Error{"interface name " + name + " is longer than " + std::to_string(IFNAMSIZ - 1) + " characters"};
    }
    if (::if_nametoindex(name.c_str()) != 0) {
        return Error{"interface " + name + " exists already (is another homeward-mn running? else: ip link del " +
                     name + ")"};
    }
    for (unsigned i = 0; i < queues; ++i) {
        UniqueFd fd = open_clone_device();
        if (!fd) {
            return Error{std::string("/dev/net/tun: ") + std::strerror(errno) + advice(errno)};
        }
        ifreq request{};
        std::copy(name.begin(), name.end(), request.ifr_name);
        request.ifr_flags = static_cast<short>(IFF_TUN | IFF_NO_PI | IFF_MULTI_QUEUE | IFF_VNET_HDR);
        if (::ioctl(fd.get(), TUNSETIFF, &request) != 0) {
            return Error{"creating " + name + ": " + std::strerror(errno) + advice(errno)};
        }
        device.queues_.push_back(std::move(fd));
    }
    if (offload) {
        device.offload_ = take_offload(device.queues_.front());
    }
    disable_ipv6(name);
    return device;
}

}  // namespace homeward::tunnel
