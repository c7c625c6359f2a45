#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "tables/shared.h"
#include "wire/ipv4.h"

namespace homeward::tables {

enum class RouteKind : std::uint8_t {
    none = 0,
    unicast,      ///< out by `port`, to `gateway` or, when that is 0, to the destination itself
    local,        ///< one of our own addresses, on `port` (kNoPort: on a device that is no twin, e.g. lo)
    broadcast,    ///< a connected network's broadcast address
    blackhole,    ///< silently dropped
    unreachable,  ///< answered with ICMP host unreachable
    prohibit,     ///< answered with ICMP communication administratively prohibited
};

/// A route in one 64-bit word: kind 4 | prefix length 6 | port 16 | gateway 32, and a bit that tells it from a
/// pointer inside the table.
class Route {
  public:
    constexpr Route() = default;
    constexpr Route(RouteKind kind, std::uint16_t port = kNoPort, wire::Ipv4Address gateway = {}) noexcept
        : bits_(1 | static_cast<std::uint64_t>(kind) << 1 | std::uint64_t{port} << 11 |
                std::uint64_t{gateway.host()} << 32) {}
    static constexpr Route from_bits(std::uint64_t bits) noexcept {
        Route route;
        route.bits_ = bits;
        return route;
    }

    constexpr RouteKind kind() const noexcept { return static_cast<RouteKind>(bits_ >> 1 & 0xf); }
    constexpr unsigned length() const noexcept { return bits_ >> 5 & 0x3f; }
    constexpr std::uint16_t port() const noexcept { return static_cast<std::uint16_t>(bits_ >> 11); }
    constexpr wire::Ipv4Address gateway() const noexcept {
        return wire::Ipv4Address{static_cast<std::uint32_t>(bits_ >> 32)};
    }
    constexpr std::uint64_t bits() const noexcept { return bits_; }
    constexpr Route with_length(unsigned length) const noexcept {
        return from_bits((bits_ & ~(std::uint64_t{0x3f} << 5)) | std::uint64_t{length} << 5);
    }
    friend constexpr bool operator==(Route a, Route b) noexcept {
        return a.with_length(0).bits_ == b.with_length(0).bits_;
    }

  private:
    std::uint64_t bits_ = 1;
};

/// Longest-prefix match in steps of 16, 8 and 8 bits, changed in place; and before the first one a look at the
/// address's first octet: where all of its addresses have one route, as nearly all octets do where there is little but
/// a default route, it is there. The 256 of them stay in the first-level cache, the 65,536 of the first step in no
/// cache that a million bindings pass through.
///
/// Every cell is one 64-bit atomic: either a Route, complete, or a pointer to the next 256 cells. A change rewrites
/// the cells whose answer it changes, one by one; a reader sees for its address the old route or the new one. Cells
/// remember the length of the prefix they came from, so that a shorter prefix never hides a longer one. Groups of
/// cells stay allocated until the table goes: there are at most as many as the largest table ever held needed.
class Routes {
  public:
    Routes();
    ~Routes();
    Routes(const Routes&) = delete;
    Routes& operator=(const Routes&) = delete;

    /// Reads the table, as long as that lives.
    class Reader;
    Reader reader() const noexcept;
    Route lookup(wire::Ipv4Address address) const noexcept;

    // Writer.
    void put(const wire::Ipv4Prefix& prefix, Route route);
    void remove(const wire::Ipv4Prefix& prefix);
    /// An address of our own that no route need name, as the home agent's: from now on Reader::foreign denies it.
    void claim(wire::Ipv4Address address) { note_local({address, 32}, 1); }
    void release(wire::Ipv4Address address) { note_local({address, 32}, -1); }
    std::size_t size() const noexcept { return rules_.size(); }
    const std::map<wire::Ipv4Prefix, Route>& rules() const noexcept { return rules_; }

  private:
    using Cell = std::atomic<std::uint64_t>;
    using Group = std::array<Cell, 256>;

    [[gnu::noinline]] static Route lookup_below(std::uint64_t cell, wire::Ipv4Address address) noexcept {
        cell = group(cell)[address.host() >> 8 & 0xff].load(std::memory_order_acquire);
        if (!is_route(cell)) {
            cell = group(cell)[address.host() & 0xff].load(std::memory_order_acquire);
        }
        return Route::from_bits(cell);
    }
    static bool is_route(std::uint64_t cell) noexcept { return (cell & 1) != 0; }
    static Group& group(std::uint64_t cell) noexcept { return *reinterpret_cast<Group*>(cell); }
    Route covering(const wire::Ipv4Prefix& prefix) const;
    void fill(const wire::Ipv4Prefix& prefix, Route route, bool removing);
    void fill_cell(Cell* cell, std::uint32_t base, unsigned shift, const wire::Ipv4Prefix& prefix, Route route,
                   bool removing);
    Group* split(Cell& cell);

    // GCC 12 leaves its calls out at link time, whatever it stores; tests/unit/tables tells.
    [[gnu::noipa]] void note_local(const wire::Ipv4Prefix& prefix, int change);
    void note_octets(const wire::Ipv4Prefix& prefix);

    std::unique_ptr<Cell[]> root_;
    std::array<Cell, 256> octets_{};              ///< the route of all addresses that begin so; 0: they have several
    std::array<std::atomic<std::uint8_t>, 256> foreign_; ///< by an address's first octet: see Reader::foreign
    std::array<std::uint32_t, 256> locals_{};     ///< writer only: local routes and claims by first octet
    std::map<wire::Ipv4Prefix, Route> rules_;     ///< writer only
    std::vector<std::unique_ptr<Group>> groups_;  ///< writer only
};

class Routes::Reader {
  public:
    explicit Reader(const Routes& routes) noexcept : routes_(&routes) {}

    [[gnu::always_inline]] Route lookup(wire::Ipv4Address address) const noexcept {
        const std::uint64_t cell = first_cell(wire::be32{address.host()});
        if (!is_route(cell)) [[unlikely]] {
            return lookup_below(cell, address);
        }
        return Route::from_bits(cell);
    }
    /// A quick answer for nearly every source: unicast, and none of our own addresses, claimed or with a local route.
    /// False: it must be looked up.
    [[gnu::always_inline]] bool foreign(wire::be32 address) const noexcept { return foreign_octet(address) != 0; }
    /// The same as 0 or 1.
    [[gnu::always_inline]] std::uint8_t foreign_octet(wire::be32 address) const noexcept {
        return routes_->foreign_[address.raw() & 0xff].load(std::memory_order_relaxed);
    }
    /// Inlined before the compiler finds that a function with nothing but a prefetch in it has no effect. Reads only
    /// the first two bytes of an address that may go on in another line.
    [[gnu::always_inline]] void prefetch(const wire::be32& address) const noexcept {
        std::uint16_t half = 0;
        std::memcpy(&half, &address, sizeof half);
        if (routes_->octets_[half & 0xff].load(std::memory_order_relaxed) == 0) [[unlikely]] {
            __builtin_prefetch(&routes_->root_[wire::be16::from_raw(half).host()]);
        }
    }
    /// What `lookup` gives when it is the octet's, else 0.
    [[gnu::always_inline]] std::uint64_t octet_cell(wire::be32 address) const noexcept {
        return routes_->octets_[address.raw() & 0xff].load(std::memory_order_acquire);
    }
    /// What `lookup` gives when it is the octet's or in the first step's cell, else no route's word.
    [[gnu::always_inline]] std::uint64_t first_cell(wire::be32 address) const noexcept {
        const std::uint64_t cell = octet_cell(address);
        if (cell == 0) [[unlikely]] {
            return routes_->root_[wire::be16::from_raw(static_cast<std::uint16_t>(address.raw())).host()].load(
                std::memory_order_acquire);
        }
        return cell;
    }

  private:
    const Routes* routes_;
};

inline Routes::Reader Routes::reader() const noexcept {
    return Reader{*this};
}

inline Route Routes::lookup(wire::Ipv4Address address) const noexcept {
    return reader().lookup(address);
}

}  // namespace homeward::tables
