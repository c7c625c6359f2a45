#include "netlink.h"

#include <libmnl/libmnl.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <utility>
#include <vector>

namespace homeward::daemon {
namespace {

using Buffer = std::array<char, 1024>;

nlmsghdr* header(Buffer& buffer, std::uint16_t type, unsigned flags) {
    nlmsghdr* const message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = type;
    message->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | NLM_F_ACK | flags);
    return message;
}

void put_ipv4(nlmsghdr* message, std::uint16_t type, wire::Ipv4Address address) {
    mnl_attr_put_u32(message, type, address.wire().raw());
}

struct Wanted {
    wire::Ipv4Address address;
    std::optional<Mac> mac;
};

int take_neighbour(const nlmsghdr* message, void* context) {
    Wanted& wanted = *static_cast<Wanted*>(context);
    const auto* const entry = static_cast<const ndmsg*>(mnl_nlmsg_get_payload(message));
    bool matches = false;
    std::optional<Mac> mac;
    const auto* attribute = static_cast<const nlattr*>(mnl_nlmsg_get_payload_offset(message, sizeof(ndmsg)));
    const auto* const end = static_cast<const char*>(mnl_nlmsg_get_payload_tail(message));
    for (; mnl_attr_ok(attribute, static_cast<int>(end - reinterpret_cast<const char*>(attribute)));
         attribute = mnl_attr_next(attribute)) {
        const auto size = mnl_attr_get_payload_len(attribute);
        if (mnl_attr_get_type(attribute) == NDA_DST && size == sizeof(std::uint32_t)) {
            matches = mnl_attr_get_u32(attribute) == wanted.address.wire().raw();
        } else if (mnl_attr_get_type(attribute) == NDA_LLADDR && size == sizeof(Mac)) {
            std::memcpy(mac.emplace().data(), mnl_attr_get_payload(attribute), sizeof(Mac));
        }
    }
    if (matches && mac && (entry->ndm_state & (NUD_FAILED | NUD_INCOMPLETE)) == 0) {
        wanted.mac = mac;
    }
    return MNL_CB_OK;
}

}  // namespace

std::optional<InterfaceAddress> InterfaceAddress::parse(const std::string& text) {
    const std::size_t slash = text.find('/');
    const auto address = wire::Ipv4Address::parse(std::string_view(text).substr(0, slash));
    unsigned length = 32;
    if (slash != std::string::npos) {
        const char* const end = text.data() + text.size();
        const auto read = std::from_chars(text.data() + slash + 1, end, length);
        if (read.ec != std::errc{} || read.ptr != end) {
            return std::nullopt;
        }
    }
    if (!address || length > 32) {
        return std::nullopt;
    }
    return InterfaceAddress{*address, static_cast<std::uint8_t>(length)};
}

Result<Netlink> Netlink::open() {
    mnl_socket* const socket = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
    if (socket == nullptr || mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
        return Error{std::string("cannot open a routing netlink socket: ") + std::strerror(errno)};
    }
    return Netlink(socket);
}

Netlink::~Netlink() {
    if (socket_ != nullptr) {
        mnl_socket_close(socket_);
    }
}

Netlink::Netlink(Netlink&& other) noexcept
    : socket_(std::exchange(other.socket_, nullptr)), sequence_(other.sequence_) {}

Status Netlink::request(void* message, const std::string& what) {
    auto* const sent = static_cast<nlmsghdr*>(message);
    sent->nlmsg_seq = ++sequence_;
    std::array<char, 8192> answer;
    ssize_t size = mnl_socket_sendto(socket_, sent, sent->nlmsg_len);
    if (size >= 0) {
        size = mnl_socket_recvfrom(socket_, answer.data(), answer.size());
    }
    if (size < 0 || mnl_cb_run(answer.data(), static_cast<std::size_t>(size), sequence_, mnl_socket_get_portid(socket_),
                               nullptr, nullptr) < 0) {
        return Error{what + ": " + std::strerror(errno)};
    }
    return {};
}

Status Netlink::set_link(unsigned interface, std::uint16_t mtu, bool up) {
    Buffer buffer{};
    nlmsghdr* const message = header(buffer, RTM_NEWLINK, 0);
    auto* const link = static_cast<ifinfomsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifinfomsg)));
    link->ifi_index = static_cast<int>(interface);
    link->ifi_change = IFF_UP;
    link->ifi_flags = up ? unsigned{IFF_UP} : 0U;
    mnl_attr_put_u32(message, IFLA_MTU, mtu);
    return request(message, "cannot set MTU " + std::to_string(mtu) + " and bring the interface up");
}

Status Netlink::put_address(unsigned interface, const InterfaceAddress& address) {
    Buffer buffer{};
    nlmsghdr* const message = header(buffer, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    auto* const entry = static_cast<ifaddrmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ifaddrmsg)));
    entry->ifa_family = AF_INET;
    entry->ifa_prefixlen = address.length;
    entry->ifa_index = interface;
    put_ipv4(message, IFA_LOCAL, address.address);
    put_ipv4(message, IFA_ADDRESS, address.address);
    if (address.length < 31) {
        put_ipv4(message, IFA_BROADCAST, address.prefix().last());
    }
    return request(message, "cannot add address " + address.address.to_string());
}

Status Netlink::put_link_route(unsigned interface, const wire::Ipv4Prefix& prefix, wire::Ipv4Address source,
                               std::uint16_t mtu) {
    Buffer buffer{};
    nlmsghdr* const message = header(buffer, RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    auto* const route = static_cast<rtmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(rtmsg)));
    route->rtm_family = AF_INET;
    route->rtm_dst_len = prefix.length;
    route->rtm_table = RT_TABLE_MAIN;
    route->rtm_protocol = RTPROT_KERNEL;
    route->rtm_scope = RT_SCOPE_LINK;
    route->rtm_type = RTN_UNICAST;
    put_ipv4(message, RTA_DST, prefix.network);
    put_ipv4(message, RTA_PREFSRC, source);
    mnl_attr_put_u32(message, RTA_OIF, interface);
    nlattr* const metrics = mnl_attr_nest_start(message, RTA_METRICS);
    mnl_attr_put_u32(message, RTAX_LOCK, 1U << RTAX_MTU);
    mnl_attr_put_u32(message, RTAX_MTU, mtu);
    mnl_attr_nest_end(message, metrics);
    return request(message, "cannot set the route to home network " + prefix.to_string());
}

std::optional<Mac> Netlink::neighbour(wire::Ipv4Address address) {
    Buffer buffer{};
    nlmsghdr* const message = mnl_nlmsg_put_header(buffer.data());
    message->nlmsg_type = RTM_GETNEIGH;
    message->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    message->nlmsg_seq = ++sequence_;
    auto* const filter = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(message, sizeof(ndmsg)));
    filter->ndm_family = AF_INET;
    Wanted wanted{address, {}};
    if (mnl_socket_sendto(socket_, message, message->nlmsg_len) < 0) {
        return std::nullopt;
    }
    std::vector<char> answer(static_cast<std::size_t>(MNL_SOCKET_BUFFER_SIZE));
    for (int more = MNL_CB_OK; more == MNL_CB_OK;) {
        const ssize_t size = mnl_socket_recvfrom(socket_, answer.data(), answer.size());
        more = size <= 0 ? MNL_CB_ERROR
                         : mnl_cb_run(answer.data(), static_cast<std::size_t>(size), sequence_,
                                      mnl_socket_get_portid(socket_), take_neighbour, &wanted);
    }
    return wanted.mac;
}

}  // namespace homeward::daemon
