#include "netlink/kernel_feed.h"

#include <fmt/format.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <iterator>

namespace homeward::netlink {
namespace {

constexpr std::size_t kBuffer = 64 * 1024;
/// Room for events while a large dump is taken in.
constexpr int kEventBacklog = 8 * 1024 * 1024;
constexpr std::uint16_t kResolved = NUD_PERMANENT | NUD_NOARP | NUD_REACHABLE | NUD_DELAY | NUD_PROBE;

Error failure(const char* what) {
    return Error{fmt::format("netlink: {}: {}", what, std::strerror(errno))};
}

}  // namespace

KernelFeed::KernelFeed(tables::Tables& tables, std::vector<TwinLink> twins)
    : tables_(tables), twins_(std::move(twins)), routes_([this](int interface) {
          const TwinLink* twin = twin_of(interface);
          return twin == nullptr ? tables::kNoPort : twin->port;
      }) {}

Result<std::unique_ptr<KernelFeed>> KernelFeed::open(tables::Tables& tables, std::vector<TwinLink> twins) {
    std::unique_ptr<KernelFeed> feed{new KernelFeed(tables, std::move(twins))};
    if (Status done = feed->subscribe(); !done) {
        return done.error();
    }
    if (Status done = feed->resynchronise(); !done) {
        return done.error();
    }
    return feed;
}

Status KernelFeed::subscribe() {
    events_.reset(mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC));
    commands_.reset(mnl_socket_open2(NETLINK_ROUTE, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (!events_ || !commands_ || mnl_socket_bind(commands_.get(), 0, MNL_SOCKET_AUTOPID) < 0 ||
        mnl_socket_bind(events_.get(), RTMGRP_LINK | RTMGRP_NEIGH | RTMGRP_IPV4_ROUTE | RTMGRP_IPV4_IFADDR,
                        MNL_SOCKET_AUTOPID) < 0) {
        return failure("cannot subscribe to routes and neighbours");
    }
    // The forced variant needs CAP_NET_ADMIN in the initial user namespace; the other is bounded by rmem_max.
    if (setsockopt(fd(), SOL_SOCKET, SO_RCVBUFFORCE, &kEventBacklog, sizeof kEventBacklog) < 0) {
        setsockopt(fd(), SOL_SOCKET, SO_RCVBUF, &kEventBacklog, sizeof kEventBacklog);
    }
    return {};
}

Status KernelFeed::on_readable() {
    alignas(nlmsghdr) std::array<char, kBuffer> buffer;
    for (;;) {
        const ssize_t size = mnl_socket_recvfrom(events_.get(), buffer.data(), buffer.size());
        if (size < 0) {
            if (errno == ENOBUFS) {
                stale_ = true;
                continue;
            }
            break;
        }
        int rest = static_cast<int>(size);
        for (const auto* message = reinterpret_cast<const nlmsghdr*>(buffer.data()); mnl_nlmsg_ok(message, rest);
             message = mnl_nlmsg_next(message, &rest)) {
            take(message);
        }
    }
    return stale_ ? resynchronise() : Status{};
}

Status KernelFeed::resynchronise() {
    ++resynchronisations_;
    stale_ = true;
    dumping_ = true;
    routes_.clear();
    seen_.clear();
    own_answers_.clear();
    Status done = dump(RTM_GETROUTE, AF_INET, sizeof(rtmsg));
    if (done) {
        done = dump(RTM_GETNEIGH, AF_INET, sizeof(ndmsg));
    }
    dumping_ = false;
    if (!done) {
        return done;
    }
    stale_ = false;
    publish_all_routes();
    std::vector<Key> gone;
    std::set_difference(published_.begin(), published_.end(), seen_.begin(), seen_.end(), std::back_inserter(gone));
    for (const Key& key : gone) {
        tables_.neighbours().remove(key.first, key.second);
        published_.erase(key);
    }
    return {};
}

Status KernelFeed::dump(std::uint16_t type, std::uint8_t family, std::size_t header_size) {
    const Socket socket{mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)};
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
        return failure("cannot open a socket");
    }
    alignas(nlmsghdr) std::array<char, kBuffer> buffer;
    nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = type;
    request->nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request->nlmsg_seq = 1;
    // rtmsg, ndmsg and rtgenmsg all begin with the family.
    *static_cast<std::uint8_t*>(mnl_nlmsg_put_extra_header(request, header_size)) = family;
    if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0) {
        return failure("cannot ask for a dump");
    }
    const auto taker = [](const nlmsghdr* message, void* self) {
        static_cast<KernelFeed*>(self)->take(message);
        return MNL_CB_OK;
    };
    int verdict = MNL_CB_OK;
    while (verdict == MNL_CB_OK) {
        const ssize_t size = mnl_socket_recvfrom(socket.get(), buffer.data(), buffer.size());
        if (size < 0) {
            return failure("cannot read a dump");
        }
        verdict = mnl_cb_run(buffer.data(), static_cast<std::size_t>(size), 1, mnl_socket_get_portid(socket.get()),
                             taker, this);
    }
    // EINTR: the kernel's table changed during the dump (NLM_F_DUMP_INTR); the events that did it are on their way.
    return verdict < 0 && errno != EINTR ? Status{failure("a dump failed")} : Status{};
}

void KernelFeed::take(const nlmsghdr* message) {
    switch (message->nlmsg_type) {
        case RTM_NEWROUTE:
        case RTM_DELROUTE:
            if (const auto parsed = parse_route(message)) {
                route(*parsed);
            }
            break;
        case RTM_NEWNEIGH:
        case RTM_DELNEIGH:
            if (const auto parsed = parse_neighbour(message)) {
                neighbour(*parsed);
            }
            break;
        case RTM_NEWLINK:
        case RTM_DELLINK:
        case RTM_DELADDR:
            stale_ = true;
            break;
        default:
            break;
    }
}

void KernelFeed::route(const RouteMessage& message) {
    if (routes_.apply(message) && !dumping_) {
        publish(message.prefix);
    }
}

void KernelFeed::publish(const wire::Ipv4Prefix& prefix) {
    const auto best = routes_.best(prefix);
    const auto& held = tables_.routes().rules();
    const auto found = held.find(prefix);
    if (best && (found == held.end() || found->second != *best)) {
        tables_.routes().put(prefix, *best);
    } else if (!best && found != held.end()) {
        tables_.routes().remove(prefix);
    }
}

void KernelFeed::publish_all_routes() {
    std::set<wire::Ipv4Prefix> prefixes = routes_.prefixes();
    for (const auto& [prefix, route] : tables_.routes().rules()) {
        prefixes.insert(prefix);
    }
    for (const wire::Ipv4Prefix& prefix : prefixes) {
        publish(prefix);
    }
}

void KernelFeed::neighbour(const NeighbourMessage& message) {
    const TwinLink* twin = twin_of(message.interface);
    if (twin == nullptr) {
        return;
    }
    const Key key{twin->port, message.address};
    const bool own = message.mac == twin->mac;
    if (own && !message.removed) {
        own_answers_.insert(key);
    } else {
        own_answers_.erase(key);
    }
    const bool known = message.mac && (message.state & (kResolved | NUD_STALE)) != 0;
    if (message.removed || own || (!known && (message.state & NUD_FAILED) == 0)) {
        tables_.neighbours().remove(key.first, key.second);
        published_.erase(key);
        return;
    }
    const auto state = !known                             ? tables::NeighbourState::failed
                       : (message.state & NUD_STALE) != 0 ? tables::NeighbourState::stale
                                                          : tables::NeighbourState::reachable;
    tables_.neighbours().put(key.first, key.second, message.mac.value_or(MacAddress{}), state);
    published_.insert(key);
    seen_.insert(key);
}

const TwinLink* KernelFeed::twin_of(int interface) const {
    const auto found =
        std::find_if(twins_.begin(), twins_.end(), [&](const TwinLink& twin) { return twin.interface == interface; });
    return found == twins_.end() ? nullptr : &*found;
}

void KernelFeed::use_neighbour(std::uint16_t port, wire::Ipv4Address address) {
    for (const TwinLink& twin : twins_) {
        if (twin.port == port) {
            command(RTM_NEWNEIGH, NLM_F_CREATE, twin, address, NTF_USE);
        }
    }
}

void KernelFeed::forget_proxy(wire::Ipv4Address home_address) {
    for (const TwinLink& twin : twins_) {
        if (own_answers_.contains({twin.port, home_address})) {
            command(RTM_DELNEIGH, 0, twin, home_address, 0);
        }
    }
}

void KernelFeed::command(std::uint16_t type, std::uint16_t flags, const TwinLink& twin, wire::Ipv4Address address,
                         std::uint8_t neighbour_flags) {
    alignas(nlmsghdr) std::array<char, 256> buffer{};
    nlmsghdr* request = mnl_nlmsg_put_header(buffer.data());
    request->nlmsg_type = type;
    request->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    auto* neighbour = static_cast<ndmsg*>(mnl_nlmsg_put_extra_header(request, sizeof(ndmsg)));
    neighbour->ndm_family = AF_INET;
    neighbour->ndm_ifindex = twin.interface;
    neighbour->ndm_flags = neighbour_flags;
    mnl_attr_put_u32(request, NDA_DST, address.wire().raw());
    mnl_socket_sendto(commands_.get(), request, request->nlmsg_len);
    // Only refusals are answered, and a later packet asks again: empty the socket and forget.
    while (mnl_socket_recvfrom(commands_.get(), buffer.data(), buffer.size()) > 0) {
    }
}

}  // namespace homeward::netlink
