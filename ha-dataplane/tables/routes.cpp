#include "tables/routes.h"

#include <algorithm>

namespace homeward::tables {
namespace {

constexpr unsigned kRootCells = 1U << 16;

}  // namespace

Routes::Routes() : root_(std::make_unique<Cell[]>(kRootCells)) {
    for (unsigned i = 0; i < kRootCells; ++i) {
        root_[i].store(Route{}.bits(), std::memory_order_relaxed);
    }
    for (std::uint32_t octet = 0; octet < foreign_.size(); ++octet) {
        octets_[octet].store(Route{}.bits(), std::memory_order_relaxed);
        foreign_[octet].store(wire::Ipv4Address{octet << 24}.is_unicast(), std::memory_order_relaxed);
    }
}

Routes::~Routes() = default;

void Routes::put(const wire::Ipv4Prefix& prefix, Route route) {
    const auto [rule, added] = rules_.try_emplace(prefix, route);
    if (route.kind() == RouteKind::local) {
        note_local(prefix, 1);
    }
    if (!added && rule->second.kind() == RouteKind::local) {
        note_local(prefix, -1);
    }
    rule->second = route;
    fill(prefix, route.with_length(prefix.length), false);
    note_octets(prefix);
}

void Routes::remove(const wire::Ipv4Prefix& prefix) {
    const auto rule = rules_.find(prefix);
    if (rule == rules_.end()) {
        return;
    }
    const bool local = rule->second.kind() == RouteKind::local;
    rules_.erase(rule);
    fill(prefix, covering(prefix), true);
    note_octets(prefix);
    if (local) {
        note_local(prefix, -1);
    }
}

/// A local route comes, before its cells do, or went.
void Routes::note_local(const wire::Ipv4Prefix& prefix, int change) {
    for (std::uint32_t octet = prefix.first().host() >> 24; octet <= prefix.last().host() >> 24; ++octet) {
        locals_[octet] += static_cast<std::uint32_t>(change);
        const bool unicast = wire::Ipv4Address{octet << 24}.is_unicast();
        foreign_[octet].store(unicast && locals_[octet] == 0, std::memory_order_release);
    }
}

/// The cells of `prefix` have changed. Until an octet is noted, a reader sees for its addresses the old route.
void Routes::note_octets(const wire::Ipv4Prefix& prefix) {
    constexpr unsigned kCells = kRootCells / 256;
    for (std::uint32_t octet = prefix.first().host() >> 24; octet <= prefix.last().host() >> 24; ++octet) {
        const Cell* cells = &root_[octet * kCells];
        const std::uint64_t first = cells[0].load(std::memory_order_relaxed);
        const bool one = is_route(first) && std::all_of(cells, cells + kCells, [first](const Cell& cell) {
                             return cell.load(std::memory_order_relaxed) == first;
                         });
        octets_[octet].store(one ? first : 0, std::memory_order_release);
    }
}

/// What holds where `prefix` held: the longest shorter rule around it.
Route Routes::covering(const wire::Ipv4Prefix& prefix) const {
    for (unsigned length = prefix.length; length-- > 0;) {
        const auto found = rules_.find(wire::Ipv4Prefix::of(prefix.network, static_cast<std::uint8_t>(length)));
        if (found != rules_.end()) {
            return found->second.with_length(length);
        }
    }
    return Route{};
}

void Routes::fill(const wire::Ipv4Prefix& prefix, Route route, bool removing) {
    const std::uint32_t first = prefix.first().host() >> 16;
    const std::uint32_t last = prefix.last().host() >> 16;
    for (std::uint32_t i = first; i <= last; ++i) {
        fill_cell(&root_[i], i << 16, 16, prefix, route, removing);
    }
}

/// `cell` stands for the 2^shift addresses from `base` on. Writes the answer where the prefix covers all of them, and
/// otherwise goes down a level; a cell of one address is always covered and always a route.
void Routes::fill_cell(Cell* cell, std::uint32_t base, unsigned shift, const wire::Ipv4Prefix& prefix, Route route,
                       bool removing) {
    const std::uint64_t held = cell->load(std::memory_order_relaxed);
    const bool covers_whole_cell = prefix.length <= 32 - shift;
    if (shift == 0 || (is_route(held) && covers_whole_cell)) {
        const unsigned length = Route::from_bits(held).length();
        if (removing ? length == prefix.length : length <= prefix.length) {
            cell->store(route.bits(), std::memory_order_release);
        }
        return;
    }
    Group& below = is_route(held) ? *split(*cell) : group(held);
    const unsigned step = shift - 8;
    const std::uint32_t size = std::uint32_t{1} << shift;
    const std::uint32_t first = covers_whole_cell ? 0 : (prefix.first().host() - base) >> step;
    const std::uint32_t last = covers_whole_cell ? (size - 1) >> step : (prefix.last().host() - base) >> step;
    for (std::uint32_t i = first; i <= last; ++i) {
        fill_cell(&below[i], base + (i << step), step, prefix, route, removing);
    }
}

/// Replaces a route by 256 cells that all hold it.
Routes::Group* Routes::split(Cell& cell) {
    groups_.push_back(std::make_unique<Group>());
    Group* made = groups_.back().get();
    const std::uint64_t held = cell.load(std::memory_order_relaxed);
    for (Cell& below : *made) {
        below.store(held, std::memory_order_relaxed);
    }
    cell.store(reinterpret_cast<std::uint64_t>(made), std::memory_order_release);
    return made;
}

}  // namespace homeward::tables
