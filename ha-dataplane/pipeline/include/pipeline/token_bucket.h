#pragma once

#include <cstdint>

namespace homeward::pipeline {

/// `rate` events per second with a burst of one second's worth, on TSC time.
class TokenBucket {
  public:
    bool take(std::uint64_t now, std::uint64_t tsc_hz, std::uint32_t rate) noexcept {
        if (now - last_ >= tsc_hz) {
            tokens_ = rate;
            last_ = now;
        } else {
            const std::uint64_t earned = (now - last_) * rate / tsc_hz;
            if (earned != 0) {
                tokens_ += earned;
                last_ += earned * tsc_hz / rate;
            }
        }
        tokens_ = tokens_ > rate ? rate : tokens_;
        if (tokens_ == 0) {
            return false;
        }
        --tokens_;
        return true;
    }

  private:
    std::uint64_t last_ = 0;
    std::uint64_t tokens_ = 0;
};

}  // namespace homeward::pipeline
