#include "mip/identification.h"

namespace homeward::mip {
namespace {

constexpr std::int64_t kNtpMinusUnix = 2'208'988'800;  // seconds from 1900 to 1970
constexpr std::int64_t kNanoseconds = 1'000'000'000;
constexpr std::uint64_t kNoiseMask = 0xffff;

}  // namespace

Identification timestamp(UnixTime time, std::uint16_t noise) noexcept {
    std::int64_t seconds = time.count() / kNanoseconds;
    std::int64_t rest = time.count() % kNanoseconds;
    if (rest < 0) {
        rest += kNanoseconds;
        --seconds;
    }
    const auto high = static_cast<std::uint32_t>(seconds + kNtpMinusUnix);  // modulo one era
    const std::uint64_t fraction = (static_cast<std::uint64_t>(rest) << 32) / kNanoseconds;
    return {std::uint64_t{high} << 32 | (fraction & ~kNoiseMask) | noise};
}

std::chrono::nanoseconds difference(Identification a, Identification b) noexcept {
    const auto ticks = static_cast<std::int64_t>(a.value - b.value);  // of 2^-32 s
    const std::int64_t seconds = ticks >> 32;
    const std::int64_t fraction{static_cast<std::uint32_t>(ticks)};
    return std::chrono::nanoseconds{seconds * kNanoseconds + (fraction * kNanoseconds >> 32)};
}

UnixTime unix_time(Identification id, UnixTime reference) noexcept {
    return reference + difference(id, timestamp(reference, 0));
}

}  // namespace homeward::mip
