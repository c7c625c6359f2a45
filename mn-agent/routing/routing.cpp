#include "routing/routing.h"

#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <initializer_list>
#include <vector>

#include "netlink/attribute.h"

namespace homeward::routing {
namespace {

constexpr std::uint32_t kUplinkRule = 0;
constexpr std::uint32_t kHomeRule = 1;
constexpr std::uint32_t kExcludedRule = 2;
constexpr std::uint32_t kTunnelRule = 3;
constexpr std::uint32_t kUplinkTables = 8;

/// Linux compares prefixes of 16 and 4 bytes; both are laid out as the wire has them.
struct Ipv6Prefix {
    std::uint8_t address[16];
    std::uint8_t length;
};
constexpr Ipv6Prefix kLinkLocal{{0xfe, 0x80}, 10};
constexpr Ipv6Prefix kMulticast{{0xff}, 8};

/// Copies of records, to be sent back once the dump that showed them has ended.
using Records = std::vector<std::vector<char>>;

void keep(Records& records, const nlmsghdr& message) {
    const auto* first = reinterpret_cast<const char*>(&message);
    records.emplace_back(first, first + message.nlmsg_len);
}

/// Puts those attributes of `old` into `removal`: the kernel deletes by what a record says of itself.
void repeat(netlink::Message& removal, wire::ByteView old, std::initializer_list<std::uint16_t> types) {
    for (const std::uint16_t type : types) {
        if (const nlattr* attribute = netlink::find(old, type); attribute != nullptr) {
            removal.put_bytes(type, netlink::payload(*attribute).data(), netlink::payload(*attribute).size());
        }
    }
}

Error failure(const std::string& what, int error) {
    return Error{what + ": " + std::strerror(error) + (error == EPERM ? " (needs CAP_NET_ADMIN or root)" : "")};
}

}  // namespace

Result<Routing> Routing::open(Settings settings) {
    Result<netlink::Socket> socket = netlink::Socket::open();
    if (!socket) {
        return socket.error();
    }
    return Routing{std::move(settings), std::move(*socket)};
}

int Routing::change_rule(bool add, const Rule& rule) {
    netlink::Message message(add ? RTM_NEWRULE : RTM_DELRULE, add ? NLM_F_CREATE | NLM_F_EXCL : 0);
    auto& header = message.extra<fib_rule_hdr>();
    header.family = static_cast<std::uint8_t>(rule.family);
    header.action = FR_ACT_TO_TBL;
    header.table = rule.table < 256 ? static_cast<std::uint8_t>(rule.table) : std::uint8_t{RT_TABLE_UNSPEC};
    header.src_len = rule.from ? rule.from->length : 0;
    header.dst_len = rule.to ? rule.to->length : 0;
    if (rule.from) {
        message.put(FRA_SRC, rule.from->network);
    }
    if (rule.to) {
        message.put(FRA_DST, rule.to->network);
    }
    message.put(FRA_TABLE, rule.table);
    message.put(FRA_PRIORITY, rule.priority);
    message.put_u8(FRA_PROTOCOL, kProtocol);
    return socket_.request(message);
}

int Routing::remove_rules(int family) {
    Records ours;
    netlink::Message request(RTM_GETRULE, 0);
    request.extra<fib_rule_hdr>().family = static_cast<std::uint8_t>(family);
    socket_.dump(request, [&](const nlmsghdr& message) {
        const nlattr* protocol = netlink::find(netlink::attributes(message, sizeof(fib_rule_hdr)), FRA_PROTOCOL);
        if (message.nlmsg_type == RTM_NEWRULE && netlink::number<std::uint8_t>(protocol) == kProtocol) {
            keep(ours, message);
        }
    });
    for (const std::vector<char>& record : ours) {
        const auto& old = *reinterpret_cast<const nlmsghdr*>(record.data());
        netlink::Message removal(RTM_DELRULE, 0);
        removal.extra<fib_rule_hdr>() = *netlink::header_of<fib_rule_hdr>(old);
        repeat(removal, netlink::attributes(old, sizeof(fib_rule_hdr)),
               {FRA_SRC, FRA_DST, FRA_TABLE, FRA_PRIORITY, FRA_PROTOCOL});
        socket_.request(removal);
    }
    return static_cast<int>(ours.size());
}

void Routing::flush(int family, std::uint32_t table) {
    Records ours;
    netlink::Message request(RTM_GETROUTE, 0);
    request.extra<rtmsg>().rtm_family = static_cast<std::uint8_t>(family);
    socket_.dump(request, [&](const nlmsghdr& message) {
        const auto* route = netlink::header_of<rtmsg>(message);
        const nlattr* held = netlink::find(netlink::attributes(message, sizeof(rtmsg)), RTA_TABLE);
        if (route != nullptr && route->rtm_protocol == kProtocol && netlink::number<std::uint32_t>(held) == table) {
            keep(ours, message);
        }
    });
    for (const std::vector<char>& record : ours) {
        const auto& old = *reinterpret_cast<const nlmsghdr*>(record.data());
        netlink::Message removal(RTM_DELROUTE, 0);
        auto& header = removal.extra<rtmsg>();
        header = *netlink::header_of<rtmsg>(old);
        header.rtm_flags = 0;
        repeat(removal, netlink::attributes(old, sizeof(rtmsg)),
               {RTA_DST, RTA_OIF, RTA_GATEWAY, RTA_TABLE, RTA_PRIORITY});
        socket_.request(removal);
    }
}

int Routing::clean() {
    const int rules = remove_rules(AF_INET) + remove_rules(AF_INET6);
    for (std::uint32_t k = 0; k <= kUplinkTables; ++k) {
        flush(AF_INET, settings_.table + k);
    }
    flush(AF_INET6, settings_.table);
    return rules;
}

int Routing::set_link(const std::string& interface, bool up, std::uint32_t mtu) {
    netlink::Message message(RTM_NEWLINK, 0);
    auto& header = message.extra<ifinfomsg>();
    header.ifi_family = AF_UNSPEC;
    header.ifi_index = static_cast<int>(::if_nametoindex(interface.c_str()));
    header.ifi_change = IFF_UP;
    header.ifi_flags = up ? IFF_UP : 0;
    message.put(IFLA_MTU, mtu);
    return socket_.request(message);
}

int Routing::add_address(const std::string& interface, wire::Ipv4Address address) {
    netlink::Message message(RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE);
    auto& header = message.extra<ifaddrmsg>();
    header.ifa_family = AF_INET;
    header.ifa_prefixlen = 32;
    header.ifa_scope = RT_SCOPE_UNIVERSE;
    header.ifa_index = ::if_nametoindex(interface.c_str());
    message.put(IFA_LOCAL, address);
    message.put(IFA_ADDRESS, address);
    return socket_.request(message);
}

int Routing::add_default(std::uint32_t table, int interface, const std::optional<wire::Ipv4Address>& gateway,
                         const std::optional<wire::Ipv4Address>& source) {
    netlink::Message message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    auto& header = message.extra<rtmsg>();
    header.rtm_family = AF_INET;
    header.rtm_protocol = kProtocol;
    header.rtm_type = RTN_UNICAST;
    header.rtm_scope = gateway ? RT_SCOPE_UNIVERSE : RT_SCOPE_LINK;
    // A gateway outside the interface's own prefix (cellular, /32 leases) is reachable on its link all the same.
    header.rtm_flags = gateway ? RTNH_F_ONLINK : 0U;
    message.put(RTA_TABLE, table);
    message.put(RTA_OIF, static_cast<std::uint32_t>(interface));
    if (gateway) {
        message.put(RTA_GATEWAY, *gateway);
    }
    if (source) {
        message.put(RTA_PREFSRC, *source);
    }
    return socket_.request(message);
}

int Routing::add_link_route(std::uint32_t table, int interface, const wire::Ipv4Prefix& prefix) {
    netlink::Message message(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_REPLACE);
    auto& header = message.extra<rtmsg>();
    header.rtm_family = AF_INET;
    header.rtm_protocol = kProtocol;
    header.rtm_type = RTN_UNICAST;
    header.rtm_scope = RT_SCOPE_LINK;
    header.rtm_dst_len = prefix.length;
    message.put(RTA_TABLE, table);
    message.put(RTA_OIF, static_cast<std::uint32_t>(interface));
    message.put(RTA_DST, prefix.network);
    return socket_.request(message);
}

int Routing::block_ipv6(bool block) {
    const auto change = [&](std::uint8_t type, const Ipv6Prefix* prefix) {
        netlink::Message message(block ? RTM_NEWROUTE : RTM_DELROUTE, block ? NLM_F_CREATE | NLM_F_REPLACE : 0);
        auto& header = message.extra<rtmsg>();
        header.rtm_family = AF_INET6;
        header.rtm_protocol = kProtocol;
        header.rtm_type = type;
        header.rtm_dst_len = prefix != nullptr ? prefix->length : 0;
        message.put(RTA_TABLE, settings_.table);
        if (prefix != nullptr) {
            message.put_bytes(RTA_DST, prefix->address, sizeof prefix->address);
        }
        return socket_.request(message);
    };
    for (const int error :
         {change(RTN_THROW, &kLinkLocal), change(RTN_THROW, &kMulticast), change(RTN_UNREACHABLE, nullptr)}) {
        if (error != 0) {
            return error;
        }
    }
    return change_rule(block, Rule{AF_INET6, settings_.priority, settings_.table, {}, {}});
}

Status Routing::add_all(const std::vector<Rule>& rules) {
    for (const Rule& rule : rules) {
        if (const int error = change_rule(true, rule); error != 0 && error != EEXIST) {
            return failure("adding a routing rule at priority " + std::to_string(rule.priority), error);
        }
    }
    return {};
}

Status Routing::enter(wire::Ipv4Address home_address) {
    const int tunnel = static_cast<int>(::if_nametoindex(settings_.tunnel_interface.c_str()));
    if (const int error = add_default(settings_.table, tunnel, {}, home_address); error != 0) {
        return failure("default route through " + settings_.tunnel_interface, error);
    }
    std::vector<Rule> rules;
    rules.push_back(
        {AF_INET, settings_.priority + kHomeRule, settings_.table, wire::Ipv4Prefix::of(home_address, 32), {}});
    for (const wire::Ipv4Prefix& prefix : settings_.excluded) {
        rules.push_back({AF_INET, settings_.priority + kExcludedRule, RT_TABLE_MAIN, {}, prefix});
    }
    if (settings_.prefixes.empty()) {
        rules.push_back({AF_INET, settings_.priority + kTunnelRule, settings_.table, {}, {}});
    } else {
        rules.push_back({AF_INET,
                         settings_.priority + kTunnelRule,
                         settings_.table,
                         {},
                         wire::Ipv4Prefix::of(settings_.home_agent, 32)});
    }
    for (const wire::Ipv4Prefix& prefix : settings_.prefixes) {
        rules.push_back({AF_INET, settings_.priority + kTunnelRule, settings_.table, {}, prefix});
    }
    if (Status status = add_all(rules); !status) {
        return status;
    }
    if (settings_.block_ipv6) {
        // A kernel without IPv6 has nothing to leak.
        if (const int error = block_ipv6(true); error != 0 && error != EAFNOSUPPORT && error != EOPNOTSUPP) {
            return failure("blocking IPv6", error);
        }
    }
    return {};
}

void Routing::leave() {
    clean();
    uplink_rules_.clear();
}

Status Routing::set_uplink(unsigned slot, const uplinks::Attachment& attachment,
                           const std::optional<wire::Ipv4Address>& configured_gateway) {
    const std::uint32_t table = settings_.table + 1 + slot;
    if (const auto old = uplink_rules_.find(slot); old != uplink_rules_.end()) {
        // Same address, new gateway: replaced below without a gap.
        if (!attachment.usable() || old->second.from->network != attachment.address->address) {
            change_rule(false, old->second);
            flush(AF_INET, table);
            uplink_rules_.erase(old);
        }
    }
    if (!attachment.usable()) {
        return {};
    }
    const auto gateway = configured_gateway ? configured_gateway : attachment.gateway;
    const auto link = wire::Ipv4Prefix::of(attachment.address->address, attachment.address->prefix_length);
    int error = link.length < 32 ? add_link_route(table, attachment.index, link) : 0;
    if (error == 0 && (gateway || attachment.default_route || attachment.point_to_point)) {
        error = add_default(table, attachment.index, gateway, {});
    }
    if (error != 0) {
        return failure("routes of table " + std::to_string(table), error);
    }
    const Rule rule{
        AF_INET, settings_.priority + kUplinkRule, table, wire::Ipv4Prefix::of(attachment.address->address, 32), {}};
    if (error = change_rule(true, rule); error != 0 && error != EEXIST) {
        return failure("routing rule of a care-of address", error);
    }
    uplink_rules_.insert_or_assign(slot, rule);
    return {};
}

}  // namespace homeward::routing
