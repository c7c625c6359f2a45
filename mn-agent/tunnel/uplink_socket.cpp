#include "tunnel/uplink_socket.h"

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "homeward/tunnel.h"

namespace homeward::tunnel {
namespace {

constexpr int kReceiveBuffer = 4 << 20;
/// The MTU of the kernel's black hole: where a socket's route leads that was taken away, until the socket sends again.
constexpr int kDeadRoute = 68;

sockaddr_in endpoint(wire::Ipv4Address address, std::uint16_t port) {
    sockaddr_in result{};
    result.sin_family = AF_INET;
    result.sin_addr.s_addr = address.wire().raw();
    result.sin_port = wire::be16{port}.raw();
    return result;
}

bool option(const UniqueFd& socket, int level, int name, int value) {
    return ::setsockopt(socket.get(), level, name, &value, sizeof value) == 0;
}

bool bind_to(const UniqueFd& socket, wire::Ipv4Address address, std::uint16_t port) {
    const sockaddr_in local = endpoint(address, port);
    return ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&local), sizeof local) == 0;
}

Error failure(const SocketSettings& settings, const std::string& what, const std::string& advice = "") {
    return Error{settings.interface + ": " + what + ": " + std::strerror(errno) + advice};
}

/// A socket of the uplink's interface. `type`, `protocol`: of socket(2).
Result<UniqueFd> open_on_interface(const SocketSettings& settings, int type, int protocol, const char* name) {
    UniqueFd socket{::socket(AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol)};
    if (!socket) {
        return failure(settings, name, errno == EPERM ? " (needs CAP_NET_RAW or root)" : "");
    }
    if (::setsockopt(socket.get(), SOL_SOCKET, SO_BINDTODEVICE, settings.interface.c_str(),
                     static_cast<socklen_t>(settings.interface.size() + 1)) != 0) {
        return failure(settings, "binding a socket to the interface");
    }
    return socket;
}

/// Beyond the system's limit when we may; a smaller buffer is no fault.
void enlarge_receive_buffer(const UniqueFd& socket) {
    if (!option(socket, SOL_SOCKET, SO_RCVBUFFORCE, kReceiveBuffer)) {
        option(socket, SOL_SOCKET, SO_RCVBUF, kReceiveBuffer);
    }
}

Status connect_to_home_agent(const UniqueFd& socket, const SocketSettings& settings) {
    const sockaddr_in peer = endpoint(settings.home_agent, HOMEWARD_MIP_PORT);
    if (::connect(socket.get(), reinterpret_cast<const sockaddr*>(&peer), sizeof peer) != 0) {
        return failure(settings, "no way to the home agent " + settings.home_agent.to_string(),
                       " (no default route there? set uplinks[].gateway)");
    }
    return {};
}

}  // namespace

Result<UniqueFd> open_uplink_socket(const SocketSettings& settings) {
    Result<UniqueFd> opened = open_on_interface(settings, SOCK_DGRAM, 0, "UDP socket");
    if (!opened) {
        return opened.error();
    }
    UniqueFd socket = std::move(*opened);
    if (!bind_to(socket, settings.care_of, settings.port) &&
        !(settings.port != 0 && errno == EADDRINUSE && bind_to(socket, settings.care_of, 0))) {
        return failure(settings, "binding to " + settings.care_of.to_string());
    }
    if (!option(socket, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO) || !option(socket, IPPROTO_IP, IP_RECVTOS, 1) ||
        (settings.zero_checksum && !option(socket, SOL_SOCKET, SO_NO_CHECK, 1))) {
        return failure(settings, "socket options");
    }
    if (settings.trains) {
        allow_trains(socket, true);
    }
    enlarge_receive_buffer(socket);
    if (Status connected = connect_to_home_agent(socket, settings); !connected) {
        return connected.error();
    }
    return socket;
}

Result<UniqueFd> open_plain_socket(const SocketSettings& settings) {
    constexpr int kTtl = 64;
    Result<UniqueFd> opened = open_on_interface(settings, SOCK_RAW, IPPROTO_IPIP, "raw socket for IP in IP");
    if (!opened) {
        return opened.error();
    }
    UniqueFd socket = std::move(*opened);
    if (!bind_to(socket, settings.care_of, 0)) {
        return failure(settings, "binding to " + settings.care_of.to_string());
    }
    if (!option(socket, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO) || !option(socket, IPPROTO_IP, IP_TTL, kTtl)) {
        return failure(settings, "socket options");
    }
    enlarge_receive_buffer(socket);
    if (Status connected = connect_to_home_agent(socket, settings); !connected) {
        return connected.error();
    }
    return socket;
}

void allow_trains(const UniqueFd& socket, bool allowed) {
    constexpr int kUdpGro = 104;  // UDP_GRO, Linux 5.0
    // A kernel without it gives one datagram at a time, as it did before.
    option(socket, IPPROTO_UDP, kUdpGro, allowed ? 1 : 0);
}

std::uint16_t local_port(const UniqueFd& socket) {
    sockaddr_in local{};
    socklen_t size = sizeof local;
    ::getsockname(socket.get(), reinterpret_cast<sockaddr*>(&local), &size);
    return wire::be16::from_raw(local.sin_port).host();
}

bool has_unread(const UniqueFd& socket) {
    pollfd waiting{socket.get(), POLLIN, 0};
    return ::poll(&waiting, 1, 0) == 1 && (waiting.revents & POLLIN) != 0;
}

std::uint32_t path_mtu(const UniqueFd& socket) {
    int mtu = 0;
    socklen_t size = sizeof mtu;
    const bool known = ::getsockopt(socket.get(), IPPROTO_IP, IP_MTU, &mtu, &size) == 0 && mtu > kDeadRoute;
    return known ? static_cast<std::uint32_t>(mtu) : 0;
}

}  // namespace homeward::tunnel
