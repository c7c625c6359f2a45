#include "netlink/kernel_routes.h"

#include <linux/rtnetlink.h>

#include <algorithm>

namespace homeward::netlink {
namespace {

std::optional<unsigned> rank_of(std::uint32_t table) {
    switch (table) {
        case RT_TABLE_LOCAL:
            return 0;
        case RT_TABLE_MAIN:
            return 1;
        case RT_TABLE_DEFAULT:
            return 2;
        default:
            return std::nullopt;
    }
}

}  // namespace

bool KernelRoutes::apply(const RouteMessage& message) {
    const auto rank = rank_of(message.table);
    // TOS routing is not followed; such entries would only hide the plain one.
    if (!rank || message.tos != 0) {
        return false;
    }
    Entry entry{*rank, message.metric, message.tos, message.type, message.next_hops};
    if (message.removed) {
        const auto found = entries_.find(message.prefix);
        if (found != entries_.end()) {
            remove(found->second, entry);
            if (found->second.empty()) {
                entries_.erase(found);
            }
        }
        return true;
    }
    std::vector<Entry>& entries = entries_[message.prefix];
    if (message.replaces) {
        std::erase_if(entries, [&](const Entry& held) { return held.same_place(entry); });
    }
    // A dump and an event may tell the same.
    if (std::find(entries.begin(), entries.end(), entry) == entries.end()) {
        entries.push_back(std::move(entry));
    }
    return true;
}

void KernelRoutes::remove(std::vector<Entry>& entries, const Entry& entry) const {
    const auto identity = [&](const Entry& held) {
        const auto same_hop = [](const NextHop& a, const NextHop& b) {
            return a.interface == b.interface && a.gateway == b.gateway;  // flags change meanwhile
        };
        return held.same_place(entry) && held.type == entry.type &&
               std::equal(held.next_hops.begin(), held.next_hops.end(), entry.next_hops.begin(), entry.next_hops.end(),
                          same_hop);
    };
    const auto found = std::find_if(entries.begin(), entries.end(), identity);
    if (found != entries.end()) {
        entries.erase(found);
    }
}

std::optional<tables::Route> KernelRoutes::best(const wire::Ipv4Prefix& prefix) const {
    const auto found = entries_.find(prefix);
    if (found == entries_.end()) {
        return std::nullopt;
    }
    const auto better = [](const Entry& a, const Entry& b) {
        return a.rank != b.rank ? a.rank < b.rank : a.metric < b.metric;
    };
    return route_of(*std::min_element(found->second.begin(), found->second.end(), better));
}

std::set<wire::Ipv4Prefix> KernelRoutes::prefixes() const {
    std::set<wire::Ipv4Prefix> result;
    for (const auto& [prefix, entries] : entries_) {
        result.insert(result.end(), prefix);
    }
    return result;
}

tables::Route KernelRoutes::route_of(const Entry& entry) const {
    using tables::RouteKind;
    const auto alive =
        std::find_if(entry.next_hops.begin(), entry.next_hops.end(), [](const NextHop& hop) { return !hop.dead; });
    const NextHop* hop = alive != entry.next_hops.end() ? &*alive
                         : entry.next_hops.empty()      ? nullptr
                                                        : &entry.next_hops.front();
    const std::uint16_t port = hop == nullptr ? tables::kNoPort : port_of_(hop->interface);
    switch (entry.type) {
        case RTN_LOCAL:
            return {RouteKind::local, port};
        case RTN_BROADCAST:
            return {RouteKind::broadcast, port};
        case RTN_BLACKHOLE:
            return {RouteKind::blackhole};
        case RTN_PROHIBIT:
            return {RouteKind::prohibit};
        case RTN_UNICAST:
            // A device that is no twin (management, lo) is not ours to send by.
            if (hop != nullptr && port != tables::kNoPort) {
                return {RouteKind::unicast, port, hop->gateway};
            }
            return {RouteKind::unreachable};
        default:
            return {RouteKind::unreachable};
    }
}

}  // namespace homeward::netlink
