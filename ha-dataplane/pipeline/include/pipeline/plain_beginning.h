#pragma once

#if defined(__SSE4_1__)
#include <smmintrin.h>
#endif

#include <cstdint>
#include <cstring>

#include "pipeline/headers.h"
#include "pipeline/quad.h"

namespace homeward::pipeline {

/// The first 16 bytes of frames that are for one of our ports and carry IPv4 without options: what they must be like,
/// compared at once.
class PlainBeginning {
  public:
    PlainBeginning() = default;
    explicit PlainBeginning(const tables::MacAddress& port) noexcept {
        wanted_.ethernet.destination = port;
        wanted_.ethernet.type = be16{kEtherTypeIpv4};
        wanted_.version_ihl = kVersionAndLength;
    }

    [[gnu::always_inline]] bool is_of(const std::uint8_t* frame) const noexcept {
#if defined(__SSE4_1__)
        const auto* mask = reinterpret_cast<const __m128i*>(&kMask);
        const __m128i got = _mm_loadu_si128(reinterpret_cast<const __m128i*>(frame));
        const __m128i off = _mm_xor_si128(got, _mm_load_si128(reinterpret_cast<const __m128i*>(&wanted_)));
        return _mm_testz_si128(off, _mm_load_si128(mask)) != 0;
#else
        return ((word(frame, 0) ^ word(&wanted_, 0)) & word(&kMask, 0)) == 0 &&
               ((word(frame, 8) ^ word(&wanted_, 8)) & word(&kMask, 8)) == 0;
#endif
    }

    /// Not zero in some bit `that_counts` where it is not.
    [[gnu::always_inline]] Quad difference(const std::uint8_t* frame) const noexcept {
        return load_quad(frame) ^ load_quad(&wanted_);
    }
    [[gnu::always_inline]] static Quad that_counts(Quad difference) noexcept {
        return difference & load_quad(&kMask);
    }

  private:
    static constexpr std::uint8_t kVersionAndLength = 0x45;

    struct alignas(16) Bytes {
        EthernetHeader ethernet;
        std::uint8_t version_ihl;
        std::uint8_t tos;
    };
    static_assert(sizeof(Bytes) == 16);

    static std::uint64_t word(const void* bytes, std::size_t at) noexcept {
        std::uint64_t result = 0;
        std::memcpy(&result, static_cast<const std::uint8_t*>(bytes) + at, sizeof result);
        return result;
    }

    static constexpr Bytes kMask{
        .ethernet = {.destination = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, .source = {}, .type = be16{0xffff}},
        .version_ihl = 0xff,
        .tos = 0};

    Bytes wanted_{};
};

}  // namespace homeward::pipeline
