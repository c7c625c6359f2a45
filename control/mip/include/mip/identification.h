#pragma once

#include <chrono>
#include <cstdint>

namespace homeward::mip {

/// The 64-bit identification of registration messages: an NTP timestamp (RFC 5944 §5.7.1), or nonces (§5.7.2).
/// NTP eras wrap on 2036-02-07; `difference` and `after` are right while the two are less than 68 years apart.
struct Identification {
    std::uint64_t value = 0;

    constexpr std::uint32_t high() const noexcept { return static_cast<std::uint32_t>(value >> 32); }
    constexpr std::uint32_t low() const noexcept { return static_cast<std::uint32_t>(value); }
    static constexpr Identification of(std::uint32_t high, std::uint32_t low) noexcept {
        return {std::uint64_t{high} << 32 | low};
    }
    friend constexpr bool operator==(Identification, Identification) noexcept = default;
};

/// Nanoseconds since 1970, as a system clock gives them. Rooms without a clock take it as an argument.
using UnixTime = std::chrono::nanoseconds;

/// The timestamp for `time`. The low 16 bits of the fraction (15 µs) are `noise`, which should be random: an answer
/// is recognised by the low 32 bits.
Identification timestamp(UnixTime time, std::uint16_t noise) noexcept;

/// `a` − `b` as a signed time.
std::chrono::nanoseconds difference(Identification a, Identification b) noexcept;
/// True when `a` is later than `b`.
constexpr bool after(Identification a, Identification b) noexcept {
    return static_cast<std::int64_t>(a.value - b.value) > 0;
}
/// The nearest UnixTime to `reference` that `id` can stand for.
UnixTime unix_time(Identification id, UnixTime reference) noexcept;

}  // namespace homeward::mip
