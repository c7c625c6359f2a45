#include "exception/twin.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace homeward::exception {
namespace {

ifreq request_for(const std::string& name) {
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    return request;
}

/// A killed predecessor's descriptor closes a moment after its death.
int attach_queue(int fd, ifreq& request) {
    constexpr auto kPatience = std::chrono::seconds{2};
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    for (;;) {
        if (ioctl(fd, TUNSETIFF, &request) == 0) {
            return 0;
        }
        if (errno != EBUSY || std::chrono::steady_clock::now() > deadline) {
            return errno;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds{20});
    }
}

std::string reason(int error, const std::string& name) {
    switch (error) {
        case EBUSY:
            return fmt::format("TAP {}: another process is attached to it; is a data plane running already?", name);
        case EPERM:
            return fmt::format("TAP {}: no permission; run as root or with CAP_NET_ADMIN", name);
        case EINVAL:
            return fmt::format("TAP {}: a device of another kind has this name; set another ports.….twin", name);
        default:
            return fmt::format("TAP {}: {}", name, std::strerror(error));
    }
}

}  // namespace

Result<Twin> Twin::attach(const std::string& name, const std::array<std::uint8_t, 6>& mac, std::uint16_t mtu) {
    const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return Error{fmt::format("/dev/net/tun: {}; load the tun module, run as root or with CAP_NET_ADMIN",
                                 std::strerror(errno))};
    }
    Twin twin{name, fd};
    ifreq request = request_for(name);
    request.ifr_flags = IFF_TAP | IFF_NO_PI;
    if (const int error = attach_queue(fd, request); error != 0) {
        return Error{reason(error, name)};
    }
    if (ioctl(fd, TUNSETPERSIST, 1) < 0) {
        return Error{reason(errno, name)};
    }
    if (Status adopted = twin.adopt(mac, mtu); !adopted) {
        return adopted.error();
    }
    return twin;
}

Twin::Twin(Twin&& other) noexcept
    : name_(std::move(other.name_)), fd_(std::exchange(other.fd_, -1)), interface_(other.interface_) {}

Twin::~Twin() {
    if (fd_ >= 0) {
        close(fd_);
    }
}

void Twin::set_carrier(bool up) const noexcept {
    int carrier = up ? 1 : 0;
    ioctl(fd_, TUNSETCARRIER, &carrier);
}

Status Twin::adopt(const std::array<std::uint8_t, 6>& mac, std::uint16_t mtu) {
    const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const auto change = [&](unsigned long what, ifreq& request) { return ioctl(socket, what, &request) == 0; };
    bool done = socket >= 0;

    ifreq request = request_for(name_);
    done = done && change(SIOCGIFHWADDR, request);
    if (done && std::memcmp(request.ifr_hwaddr.sa_data, mac.data(), mac.size()) != 0) {
        request.ifr_hwaddr.sa_family = ARPHRD_ETHER;
        std::memcpy(request.ifr_hwaddr.sa_data, mac.data(), mac.size());
        done = change(SIOCSIFHWADDR, request);
    }
    request = request_for(name_);
    done = done && change(SIOCGIFMTU, request);
    if (done && request.ifr_mtu != mtu) {
        request.ifr_mtu = mtu;
        done = change(SIOCSIFMTU, request);
    }
    request = request_for(name_);
    done = done && change(SIOCGIFFLAGS, request);
    if (done && (request.ifr_flags & IFF_UP) == 0) {
        request.ifr_flags |= IFF_UP;
        done = change(SIOCSIFFLAGS, request);
    }
    const int error = errno;
    if (socket >= 0) {
        close(socket);
    }
    interface_ = if_nametoindex(name_.c_str());
    return done ? Status{} : Status{Error{reason(error, name_)}};
}

}  // namespace homeward::exception
