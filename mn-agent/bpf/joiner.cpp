#include "bpf_steering/joiner.h"

#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <linux/veth.h>
#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/utsname.h>

// After net/if.h, which has the same flags.
#include <linux/if_link.h>
#include <linux/rtnetlink.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "descriptor/unique_fd.h"
#include "netlink/message.h"
#include "netlink/socket.h"

namespace homeward::bpf {
namespace {

constexpr std::uint32_t kMtu = 65535;

Error failure(const std::string& what, int error) {
    return Error{what + ": " + std::strerror(error)};
}

/// veth has had GRO without XDP since 5.13.
bool kernel_joins() {
    utsname name{};
    ::uname(&name);
    char* rest = nullptr;
    const long major = std::strtol(name.release, &rest, 10);
    const long minor = *rest == '.' ? std::strtol(rest + 1, nullptr, 10) : 0;
    return major > 5 || (major == 5 && minor >= 13);
}

int delete_link(int interface) {
    Result<netlink::Socket> socket = netlink::Socket::open();
    netlink::Message request(RTM_DELLINK, 0);
    request.extra<ifinfomsg>().ifi_index = interface;
    return socket ? socket->request(request) : EIO;
}

/// What VETH_INFO_PEER holds: a link's message within the message.
struct Peer {
    ifinfomsg link{};
    nlattr name{sizeof(nlattr) + IFNAMSIZ, IFLA_IFNAME};
    std::array<char, IFNAMSIZ> text{};
    nlattr mtu{sizeof(nlattr) + sizeof(std::uint32_t), IFLA_MTU};
    std::uint32_t size = kMtu;
};
static_assert(sizeof(Peer) == sizeof(ifinfomsg) + 2 * sizeof(nlattr) + IFNAMSIZ + sizeof(std::uint32_t));

int create_pair(netlink::Socket& socket, const std::string& near, const std::string& far) {
    netlink::Message request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL);
    request.extra<ifinfomsg>().ifi_family = AF_UNSPEC;
    request.put(IFLA_IFNAME, near);
    request.put(IFLA_MTU, kMtu);
    nlattr* const info = request.nest(IFLA_LINKINFO);
    request.put(IFLA_INFO_KIND, std::string{"veth"});
    nlattr* const data = request.nest(IFLA_INFO_DATA);
    Peer peer;
    far.copy(peer.text.data(), IFNAMSIZ - 1);
    request.put_bytes(VETH_INFO_PEER, &peer, sizeof peer);
    request.end(data);
    request.end(info);
    return socket.request(request);
}

int bring_up(netlink::Socket& socket, int interface) {
    netlink::Message request(RTM_NEWLINK, 0);
    auto& link = request.extra<ifinfomsg>();
    link.ifi_index = interface;
    link.ifi_flags = link.ifi_change = IFF_UP | IFF_NOARP;
    return socket.request(request);
}

/// Returns 0 or errno; `name` then tells the driver of a device.
int ask_driver(const std::string& device, void* value) {
    const UniqueFd socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
    ifreq request{};
    device.copy(request.ifr_name, IFNAMSIZ - 1);
    request.ifr_data = static_cast<char*>(value);
    return ::ioctl(socket.get(), SIOCETHTOOL, &request) == 0 ? 0 : errno;
}

int set_feature(const std::string& device, std::uint32_t command, std::uint32_t on) {
    ethtool_value value{command, on};
    return ask_driver(device, &value);
}

bool is_veth(const std::string& device) {
    ethtool_drvinfo info{};
    info.cmd = ETHTOOL_GDRVINFO;
    return ask_driver(device, &info) == 0 && std::strncmp(info.driver, "veth", sizeof info.driver) == 0;
}

/// veth joins what comes from a peer that does not cut segments itself.
int set_features(const std::string& near, const std::string& far) {
    const int error = set_feature(near, ETHTOOL_STSO, 0);
    return error != 0 ? error : set_feature(far, ETHTOOL_SGRO, 1);
}

/// A kernel without IPv6 has no such file.
void keep_ipv6_away(const std::string& device) {
    std::ofstream("/proc/sys/net/ipv6/conf/" + device + "/disable_ipv6") << 1;
}

int index_of(const std::string& device) {
    return static_cast<int>(::if_nametoindex(device.c_str()));
}

}  // namespace

Result<Joiner> Joiner::make(int interface) {
    if (!kernel_joins()) {
        return Error{"the kernel is older than 5.13"};
    }
    std::array<char, IFNAMSIZ> name{};
    if (::if_indextoname(static_cast<unsigned>(interface), name.data()) == nullptr) {
        return failure("no device " + std::to_string(interface), errno);
    }
    const std::string stem = std::string{name.data()}.substr(0, IFNAMSIZ - 1 - 4);
    const std::string near = stem + "-in";
    const std::string far = stem + "-gro";
    if (const int left = index_of(near); left != 0) {
        if (!is_veth(near)) {
            return Error{"there is another device called " + near};
        }
        delete_link(left);
    }
    Result<netlink::Socket> socket = netlink::Socket::open();
    if (!socket) {
        return socket.error();
    }
    if (const int error = create_pair(*socket, near, far); error != 0) {
        return failure("no pair of veths " + near, error);
    }
    Joiner joiner{index_of(near), index_of(far)};
    keep_ipv6_away(near);
    keep_ipv6_away(far);
    int error = set_features(near, far);
    error = error != 0 ? error : bring_up(*socket, joiner.near_);
    error = error != 0 ? error : bring_up(*socket, joiner.far_);
    if (error != 0) {
        return failure("veth " + near, error);
    }
    return joiner;
}

Joiner::~Joiner() {
    if (near_ != 0) {
        delete_link(near_);
    }
}

Joiner& Joiner::operator=(Joiner&& other) noexcept {
    std::swap(near_, other.near_);
    std::swap(far_, other.far_);
    return *this;
}

}  // namespace homeward::bpf
