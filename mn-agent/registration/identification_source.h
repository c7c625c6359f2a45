#pragma once

#include <cstdint>

#include "mip/identification.h"

namespace homeward::mn::registration {

/// Makes the identifications of every request of the node, whatever uplink it leaves by: strictly increasing, close to
/// the home agent's clock (RFC 5944 §5.7.1).
class IdentificationSource {
  public:
    mip::Identification next(mip::UnixTime now, std::uint16_t noise) noexcept;

    /// Code 133: the home agent's clock showed `home_agent_seconds` (high half of the reply) when it read `sent`.
    /// True when our clock was corrected; false when the two agree, so that only the order was wrong.
    bool resynchronise(mip::Identification sent, std::uint32_t home_agent_seconds) noexcept;

    std::chrono::nanoseconds offset() const noexcept { return offset_; }

  private:
    std::chrono::nanoseconds offset_{0};  ///< added to our clock
    mip::Identification last_{};
    bool used_ = false;
};

}  // namespace homeward::mn::registration
