#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <cstddef>
#include <cstdint>

namespace homeward::policy {

/// A number of 32 bits of each of four packets.
using Four [[gnu::vector_size(16)]] = std::uint32_t;

/// Addresses as signed numbers of the same order: SSE2 compares no others.
constexpr std::int32_t in_order(std::uint32_t address) noexcept {
    return static_cast<std::int32_t>(address ^ 0x80000000U);
}

/// How an aligned block of addresses is cut into equal parts, which have numbers, as those below and above it have:
/// each four times, as four addresses side by side want it. Addresses are `in_order`.
struct alignas(64) Parts {
    Four block{};    ///< its first address
    Four shift{};    ///< address bits below the choice of a part, once: of all four
    Four count{};    ///< of the parts
    Four outside{};  ///< the number of an address above the block; the one before it is of those below

    Parts() = default;
    Parts(std::uint32_t first, std::uint32_t parts, unsigned bits, std::uint32_t below) noexcept
        : block(Four{} + static_cast<std::uint32_t>(in_order(first))),
          shift{bits, 0, 0, 0},
          count(Four{} + parts),
          outside(Four{} + (below + 1)) {}

    [[gnu::always_inline]] std::uint32_t number_of(std::int32_t address) const noexcept {
        const std::uint64_t part = std::uint64_t{static_cast<std::uint32_t>(address) ^ block[0]} >> shift[0];
        const bool below = address < static_cast<std::int32_t>(block[0]);
        return part < count[0] ? static_cast<std::uint32_t>(part) : outside[0] - (below ? 1U : 0U);
    }
    /// The same of each of four, without a jump: some may be inside and some not.
    [[gnu::always_inline]] Four numbers_of(Four addresses) const noexcept {
        using Signed [[gnu::vector_size(16)]] = std::int32_t;
        const Four off = addresses ^ block;
#if defined(__SSE2__)  // a whole address is shifted away, too
        const auto part =
            reinterpret_cast<Four>(_mm_srl_epi32(reinterpret_cast<__m128i>(off), reinterpret_cast<__m128i>(shift)));
#else
        const auto part_of = [&](int i) { return static_cast<std::uint32_t>(std::uint64_t{off[i]} >> shift[0]); };
        const Four part = {part_of(0), part_of(1), part_of(2), part_of(3)};
#endif
        const auto below =
            reinterpret_cast<Four>(reinterpret_cast<Signed>(addresses) < reinterpret_cast<Signed>(block));
        const auto is_outside = reinterpret_cast<Four>((part > count ? part : count) == part);
        return part ^ ((part ^ (outside + below)) & is_outside);  // true is -1
    }
};

}  // namespace homeward::policy
