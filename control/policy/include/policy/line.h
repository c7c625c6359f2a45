#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "policy/choice.h"
#include "policy/parts.h"

namespace homeward::policy {

/// Eight stretches of addresses in order, each with what a packet of its addresses is judged by, are looked at whatever
/// their number: a search that ends where it finds costs more in mispredicted branches. The address that is looked for
/// begins at or before it in the first one, and ends in one of them.
inline constexpr std::size_t kStretches = 8;

/// A stretch of a large table, behind the one before it.
struct Interval {
    std::int32_t last;  ///< in_order
    Lead lead;
};
static_assert(sizeof(Interval) == 8);

/// Eight stretches in a cache line.
struct alignas(64) Line {
    std::array<std::int32_t, kStretches> last;  ///< in_order; the last address of all where there is no further one
    std::array<Lead, kStretches> lead;
};
static_assert(sizeof(Line) == 64);

#if defined(__SSE2__)
/// An address, in_order and four times.
using Wanted = __m128i;

[[gnu::always_inline]] inline Wanted wanted(std::int32_t address) noexcept {
    return _mm_set1_epi32(address);
}
template <int kWhich>
[[gnu::always_inline]] inline Wanted wanted_of(Four addresses) noexcept {
    return _mm_shuffle_epi32(reinterpret_cast<__m128i>(addresses), kWhich * 0x55);
}

/// Four ends of stretches each: how many of the eight are before it, twice.
[[gnu::always_inline]] inline unsigned twice_passed(Wanted wanted, __m128i first, __m128i second) noexcept {
    const auto mask = static_cast<unsigned>(
        _mm_movemask_epi8(_mm_packs_epi32(_mm_cmpgt_epi32(wanted, first), _mm_cmpgt_epi32(wanted, second))));
#if defined(__POPCNT__)
    return static_cast<unsigned>(std::popcount(mask));
#else
    return static_cast<unsigned>(std::countr_one(mask));
#endif
}
[[gnu::always_inline]] inline unsigned twice_passed(Wanted wanted, const Line& line) noexcept {
    const auto* ends = reinterpret_cast<const __m128i*>(line.last.data());
    return twice_passed(wanted, ends[0], ends[1]);
}
[[gnu::always_inline]] inline unsigned twice_passed(Wanted wanted, const Interval* intervals) noexcept {
    const auto ends = [intervals](int from) {
        const __m128 low = _mm_loadu_ps(reinterpret_cast<const float*>(intervals + from));
        const __m128 high = _mm_loadu_ps(reinterpret_cast<const float*>(intervals + from + 2));
        return _mm_castps_si128(_mm_shuffle_ps(low, high, _MM_SHUFFLE(2, 0, 2, 0)));
    };
    return twice_passed(wanted, ends(0), ends(4));
}
#else
using Wanted = std::int32_t;

[[gnu::always_inline]] inline Wanted wanted(std::int32_t address) noexcept {
    return address;
}
template <int kWhich>
[[gnu::always_inline]] inline Wanted wanted_of(Four addresses) noexcept {
    return static_cast<std::int32_t>(addresses[kWhich]);
}
[[gnu::always_inline]] inline unsigned twice_passed(Wanted wanted, const Line& line) noexcept {
    unsigned twice = 0;
    for (const std::int32_t end : line.last) {
        twice += wanted > end ? 2U : 0U;
    }
    return twice;
}
[[gnu::always_inline]] inline unsigned twice_passed(Wanted wanted, const Interval* intervals) noexcept {
    unsigned twice = 0;
    for (std::size_t i = 0; i < kStretches; ++i) {
        twice += wanted > intervals[i].last ? 2U : 0U;
    }
    return twice;
}
#endif

/// By an offset in bytes: to halve what was counted twice takes an instruction.
[[gnu::always_inline]] inline Lead lead_at(const void* leads, std::size_t bytes) noexcept {
    Lead lead;
    std::memcpy(&lead, static_cast<const std::uint8_t*>(leads) + bytes, sizeof lead);
    return lead;
}
[[gnu::always_inline]] inline Lead lead_in(const Line& line, Wanted wanted) noexcept {
    return lead_at(line.lead.data(), std::size_t{twice_passed(wanted, line)} * sizeof(Lead) / 2);
}
[[gnu::always_inline]] inline Lead lead_in(const Interval* intervals, Wanted wanted) noexcept {
    return lead_at(&intervals->lead, std::size_t{twice_passed(wanted, intervals)} * sizeof(Interval) / 2);
}

}  // namespace homeward::policy
