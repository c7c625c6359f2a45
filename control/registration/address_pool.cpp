#include "registration/address_pool.h"

#include <algorithm>

namespace homeward::registration {

void AddressPool::configure(const config::HomeAgent& config) {
    ranges_.clear();
    taken_.clear();
    for (const config::HomeNetwork& network : config.home_networks) {
        ranges_.insert(ranges_.end(), network.pool.begin(), network.pool.end());
    }
    for (const config::Node& node : config.nodes) {
        if (node.home_address) {
            taken_.insert(*node.home_address);
        }
    }
    taken_.insert(config.address);
    std::erase_if(by_nai_, [this](const auto& entry) { return !free(entry.second); });
    for (const auto& [nai, address] : by_nai_) {
        taken_.insert(address);
    }
}

void AddressPool::restore(const std::string& nai, wire::Ipv4Address address) {
    if (free(address)) {
        assign(nai, address);
    }
}

std::optional<wire::Ipv4Address> AddressPool::assigned(const std::string& nai) const {
    const auto entry = by_nai_.find(nai);
    return entry == by_nai_.end() ? std::nullopt : std::optional(entry->second);
}

std::optional<wire::Ipv4Address> AddressPool::candidate(const std::string& nai, wire::Ipv4Address wanted) const {
    if (const auto held = assigned(nai)) {
        return wanted.is_zero() || wanted == *held ? held : std::nullopt;
    }
    if (!wanted.is_zero()) {
        return free(wanted) ? std::optional(wanted) : std::nullopt;
    }
    for (const config::AddressRange& range : ranges_) {
        // Walks the gaps between taken addresses, not the range: a full pool of any size costs its taken ones once.
        wire::Ipv4Address next = range.first;
        for (auto held = taken_.lower_bound(next); held != taken_.end() && *held == next; ++held) {
            next = wire::Ipv4Address{next.host() + 1};
        }
        if (next <= range.last && next >= range.first) {
            return next;
        }
    }
    return std::nullopt;
}

void AddressPool::assign(const std::string& nai, wire::Ipv4Address address) {
    by_nai_.insert_or_assign(nai, address);
    taken_.insert(address);
}

void AddressPool::release(const std::string& nai) {
    if (const auto held = by_nai_.extract(nai)) {
        taken_.erase(held.mapped());
    }
}

bool AddressPool::in_pool(wire::Ipv4Address address) const noexcept {
    return std::any_of(ranges_.begin(), ranges_.end(), [address](const config::AddressRange& range) {
        return range.first <= address && address <= range.last;
    });
}

}  // namespace homeward::registration
