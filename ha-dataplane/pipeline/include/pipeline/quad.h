#pragma once

#if defined(__SSE4_1__)
#include <smmintrin.h>
#endif

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "pipeline/headers.h"

/// Four packets side by side, for which one instruction does what would be four: of each of them a word of 32 bits.
/// Words have the byte order of a packet unless they are said to be numbers, and are laid out for little-endian
/// processors.
namespace homeward::pipeline {

inline constexpr unsigned kQuad = 4;

using Quad [[gnu::vector_size(16)]] = std::uint32_t;
/// The same bits: numbers below 2^31, for comparisons, which are all ones where they hold.
using QuadNumbers [[gnu::vector_size(16)]] = std::int32_t;

/// The same bits.
using QuadPair [[gnu::vector_size(16)]] = std::uint64_t;

[[gnu::always_inline]] inline Quad load_quad(const void* from) noexcept {
    Quad words;
    std::memcpy(&words, from, sizeof words);
    return words;
}

[[gnu::always_inline]] inline void store_quad(void* to, Quad words) noexcept {
    std::memcpy(to, &words, sizeof words);
}

[[gnu::always_inline]] inline void store_word(void* to, Quad words, unsigned which) noexcept {
    const std::uint32_t word = words[which];
    std::memcpy(to, &word, sizeof word);
}

/// Whether some bit of them is set.
[[gnu::always_inline]] inline bool any(Quad words) noexcept {
#if defined(__SSE4_1__)
    const auto bits = reinterpret_cast<__m128i>(words);
    return _mm_testz_si128(bits, bits) == 0;
#else
    return (words[0] | words[1] | words[2] | words[3]) != 0;
#endif
}

/// All ones in the words where it holds. Of numbers.
[[gnu::always_inline]] inline Quad equal(Quad a, Quad b) noexcept {
    return reinterpret_cast<Quad>(reinterpret_cast<QuadNumbers>(a) == reinterpret_cast<QuadNumbers>(b));
}
[[gnu::always_inline]] inline Quad less(Quad a, Quad b) noexcept {
    return reinterpret_cast<Quad>(reinterpret_cast<QuadNumbers>(a) < reinterpret_cast<QuadNumbers>(b));
}
[[gnu::always_inline]] inline Quad every(std::uint32_t word) noexcept {
    return Quad{word, word, word, word};
}

/// The same words, in memory: to read them from there costs less than to take them out of a register.
[[gnu::always_inline]] inline Quad in_memory(Quad words) noexcept {
    asm("" : "+m"(words));
    return words;
}

[[gnu::always_inline]] inline Quad one_of(Quad words, int which) noexcept {
    return every(words[which]);
}

/// Four of them. Not an array: of that, compilers make memory.
struct QuadRows {
    Quad a, b, c, d;
};

/// Rows become columns.
[[gnu::always_inline]] inline QuadRows transposed(const QuadRows& rows) noexcept {
    const Quad low_ab = __builtin_shufflevector(rows.a, rows.b, 0, 4, 1, 5);
    const Quad low_cd = __builtin_shufflevector(rows.c, rows.d, 0, 4, 1, 5);
    const Quad high_ab = __builtin_shufflevector(rows.a, rows.b, 2, 6, 3, 7);
    const Quad high_cd = __builtin_shufflevector(rows.c, rows.d, 2, 6, 3, 7);
    return {__builtin_shufflevector(low_ab, low_cd, 0, 1, 4, 5), __builtin_shufflevector(low_ab, low_cd, 2, 3, 6, 7),
            __builtin_shufflevector(high_ab, high_cd, 0, 1, 4, 5),
            __builtin_shufflevector(high_ab, high_cd, 2, 3, 6, 7)};
}

/// The four words from `at` on of each of four headers.
[[gnu::always_inline]] inline QuadRows words_at(const std::array<const std::uint8_t*, kQuad>& headers,
                                                unsigned at) noexcept {
    return transposed({load_quad(headers[0] + at), load_quad(headers[1] + at), load_quad(headers[2] + at),
                       load_quad(headers[3] + at)});
}

/// Of the four words from `at` on, two.
template <int kFirst, int kSecond>
[[gnu::always_inline]] inline std::array<Quad, 2> two_words_at(const std::array<const std::uint8_t*, kQuad>& headers,
                                                               unsigned at) noexcept {
    const Quad low = __builtin_shufflevector(load_quad(headers[0] + at), load_quad(headers[1] + at), kFirst, kSecond,
                                             4 + kFirst, 4 + kSecond);
    const Quad high = __builtin_shufflevector(load_quad(headers[2] + at), load_quad(headers[3] + at), kFirst, kSecond,
                                              4 + kFirst, 4 + kSecond);
    return {__builtin_shufflevector(low, high, 0, 2, 4, 6), __builtin_shufflevector(low, high, 1, 3, 5, 7)};
}

using QuadHalves [[gnu::vector_size(16)]] = std::uint16_t;

/// Of each word the bytes with these numbers, or 0 for `kNone`.
inline constexpr int kNone = -1;
template <int kA, int kB, int kC, int kD>
[[gnu::always_inline]] inline Quad bytes_of(Quad words) noexcept {
#if defined(__SSSE3__)
    const auto of = [](int byte, int word) { return static_cast<char>(byte == kNone ? -1 : 4 * word + byte); };
    const __m128i which =
        _mm_setr_epi8(of(kA, 0), of(kB, 0), of(kC, 0), of(kD, 0), of(kA, 1), of(kB, 1), of(kC, 1), of(kD, 1), of(kA, 2),
                      of(kB, 2), of(kC, 2), of(kD, 2), of(kA, 3), of(kB, 3), of(kC, 3), of(kD, 3));
    return reinterpret_cast<Quad>(_mm_shuffle_epi8(reinterpret_cast<__m128i>(words), which));
#else
    const auto byte = [words](int from, int to) {
        return from == kNone ? Quad{} : (words >> 8 * (from & 3) & every(0xff)) << 8 * to;
    };
    return byte(kA, 0) | byte(kB, 1) | byte(kC, 2) | byte(kD, 3);
#endif
}

/// The number in the upper half of a word.
[[gnu::always_inline]] inline Quad upper_number(Quad words) noexcept {
    return bytes_of<3, 2, kNone, kNone>(words);
}
/// The number in the lower half of a word.
[[gnu::always_inline]] inline Quad lower_number(Quad words) noexcept {
    return bytes_of<1, 0, kNone, kNone>(words);
}
/// Words as numbers.
[[gnu::always_inline]] inline Quad swapped(Quad words) noexcept {
    return bytes_of<3, 2, 1, 0>(words);
}
/// Words with a number of 16 bits in their upper half, and nothing else.
[[gnu::always_inline]] inline Quad in_upper(Quad numbers) noexcept {
    return bytes_of<kNone, kNone, 1, 0>(numbers);
}
/// The same in their lower half.
[[gnu::always_inline]] inline Quad in_lower(Quad numbers) noexcept {
    return lower_number(numbers);
}

/// Both halves of a word, added as a one's complement sum does (RFC 1071), in its upper half.
[[gnu::always_inline]] inline Quad folded(Quad sums) noexcept {
    return (sums + bytes_of<2, 3, 0, 1>(sums)) & every(0xffff0000);  // the lower half's carry ends up in the upper one
}
/// The sum of a word's halves, not folded.
[[gnu::always_inline]] inline Quad halves(Quad words) noexcept {
    return (words & every(0xffff)) + (words >> 16);
}

/// One hop of the words with TTL, protocol and checksum: see decrement_ttl.
[[gnu::always_inline]] inline Quad one_hop_less(Quad words) noexcept {
    const auto before = reinterpret_cast<QuadHalves>(words);
    constexpr QuadHalves kChange = {0xffff, 1, 0xffff, 1, 0xffff, 1, 0xffff, 1};
    // A checksum of 0xfffe would become 0xffff, which is written as 0; of 0xffff, the carry comes round.
    constexpr QuadHalves kLowest = {1, 1, 1, 1, 1, 1, 1, 1};
    constexpr QuadHalves kWraps = {0, 0xffff, 0, 0xffff, 0, 0xffff, 0, 0xffff};
    const auto wraps = reinterpret_cast<QuadHalves>((before | kLowest) == kWraps);
    return reinterpret_cast<Quad>(before + kChange - wraps);
}

}  // namespace homeward::pipeline
