#pragma once

#include <algorithm>
#include <cstdint>

namespace homeward::exception {

/// Lets `rate` events per second through, and `burst` at once after a pause. Time is the caller's, in nanoseconds of
/// any monotonic clock. One thread only.
class TokenBucket {
  public:
    TokenBucket(std::uint64_t rate, std::uint64_t burst) noexcept : rate_(rate), burst_(burst), tokens_(burst) {}

    bool take(std::uint64_t now_ns) noexcept {
        refill(now_ns);
        if (tokens_ == 0) {
            return false;
        }
        --tokens_;
        return true;
    }

  private:
    static constexpr std::uint64_t kSecond = 1'000'000'000;

    void refill(std::uint64_t now_ns) noexcept {
        // Longer pauses fill the bucket anyway; the bound keeps the product below 64 bits.
        const std::uint64_t passed = now_ns > last_ns_ ? std::min(now_ns - last_ns_, kSecond) : 0;
        const std::uint64_t earned = fraction_ + passed * rate_;
        tokens_ = std::min(burst_, tokens_ + earned / kSecond);
        fraction_ = tokens_ == burst_ ? 0 : earned % kSecond;
        last_ns_ = std::max(now_ns, last_ns_);
    }

    std::uint64_t rate_, burst_, tokens_;
    std::uint64_t fraction_ = 0;  ///< of one token, in 1/kSecond
    std::uint64_t last_ns_ = 0;
};

}  // namespace homeward::exception
