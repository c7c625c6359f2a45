#pragma once

#include <compare>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "wire/byte_order.h"

namespace homeward::wire {

/// An IPv4 address. Ordered as numbers, so that a prefix is an interval.
class Ipv4Address {
  public:
    constexpr Ipv4Address() = default;
    explicit constexpr Ipv4Address(std::uint32_t host) noexcept : value_(host) {}
    explicit constexpr Ipv4Address(be32 wire) noexcept : value_(wire.host()) {}

    /// Reads dotted-quad text, all of it; anything else is nullopt.
    static std::optional<Ipv4Address> parse(std::string_view text);

    constexpr std::uint32_t host() const noexcept { return value_; }
    constexpr be32 wire() const noexcept { return be32{value_}; }
    constexpr bool is_zero() const noexcept { return value_ == 0; }
    /// True for an address that one host can own: not 0/8, 127/8, 224/4, 240/4 or the limited broadcast.
    constexpr bool is_unicast() const noexcept {
        const std::uint32_t first = value_ >> 24;
        return first - 1 < 223 && first != 127;
    }
    std::string to_string() const;

    // NOLINTNEXTLINE(modernize-use-nullptr): clang-tidy 14 takes the generated comparison with 0 for a pointer's
    friend constexpr auto operator<=>(Ipv4Address, Ipv4Address) noexcept = default;

  private:
    std::uint32_t value_ = 0;
};

/// A CIDR prefix; bits behind `length` are zero (kept so by `of` and `parse`).
struct Ipv4Prefix {
    Ipv4Address network;
    std::uint8_t length = 0;  ///< 0–32

    static constexpr std::uint32_t mask(std::uint8_t length) noexcept {
        return length == 0 ? 0U : ~std::uint32_t{0} << (32U - length);
    }
    /// The prefix that covers `address`; host bits are cleared.
    static constexpr Ipv4Prefix of(Ipv4Address address, std::uint8_t length) noexcept {
        return {Ipv4Address{address.host() & mask(length)}, length};
    }
    /// Reads "a.b.c.d/n" or "a.b.c.d" (= /32). Host bits that are set make it nullopt: a likely slip of the writer.
    static std::optional<Ipv4Prefix> parse(std::string_view text);

    constexpr Ipv4Address first() const noexcept { return network; }
    constexpr Ipv4Address last() const noexcept { return Ipv4Address{network.host() | ~mask(length)}; }
    constexpr bool contains(Ipv4Address address) const noexcept {
        return (address.host() & mask(length)) == network.host();
    }
    constexpr bool contains(const Ipv4Prefix& other) const noexcept {
        return length <= other.length && contains(other.network);
    }
    std::string to_string() const;

    // NOLINTNEXTLINE(modernize-use-nullptr): as above
    friend constexpr auto operator<=>(const Ipv4Prefix&, const Ipv4Prefix&) noexcept = default;
};

}  // namespace homeward::wire

template <>
struct std::hash<homeward::wire::Ipv4Address> {
    std::size_t operator()(homeward::wire::Ipv4Address address) const noexcept {
        return std::hash<std::uint32_t>{}(address.host());
    }
};
