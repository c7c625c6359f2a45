#pragma once

#include <array>
#include <bit>
#include <compare>
#include <concepts>
#include <cstdint>
#include <cstring>

namespace homeward::wire {

/// An unsigned integer held in network byte order, alignment 1, so that a struct of these members is the wire
/// layout without packing attributes. It converts only by name: `host()` reads, the constructor writes.
template <std::unsigned_integral T>
class BigEndian {
  public:
    BigEndian() = default;
    explicit constexpr BigEndian(T host) noexcept : bytes_(std::bit_cast<Bytes>(swap(host))) {}

    constexpr T host() const noexcept { return swap(std::bit_cast<T>(bytes_)); }
    /// The value as it stands in memory, for kernel interfaces that take `__be16`/`__be32`.
    constexpr T raw() const noexcept { return std::bit_cast<T>(bytes_); }
    static constexpr BigEndian from_raw(T raw) noexcept {
        BigEndian result;
        result.bytes_ = std::bit_cast<Bytes>(raw);
        return result;
    }

    friend constexpr bool operator==(BigEndian, BigEndian) noexcept = default;

  private:
    using Bytes = std::array<std::uint8_t, sizeof(T)>;

    static constexpr T swap(T value) noexcept {
        if constexpr (std::endian::native == std::endian::big || sizeof(T) == 1) {
            return value;
        } else if constexpr (sizeof(T) == 2) {
            return __builtin_bswap16(value);
        } else if constexpr (sizeof(T) == 4) {
            return __builtin_bswap32(value);
        } else {
            return __builtin_bswap64(value);
        }
    }

    Bytes bytes_{};
};

using be16 = BigEndian<std::uint16_t>;
using be32 = BigEndian<std::uint32_t>;
using be64 = BigEndian<std::uint64_t>;

static_assert(sizeof(be16) == 2 && alignof(be16) == 1);
static_assert(sizeof(be32) == 4 && alignof(be32) == 1);
static_assert(sizeof(be64) == 8 && alignof(be64) == 1);

}  // namespace homeward::wire
