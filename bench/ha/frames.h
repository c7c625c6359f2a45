#pragma once

#include <cstdint>
#include <random>

#include "pipeline/headers.h"
#include "population.h"

namespace bench {

enum class Direction : std::uint8_t { uplink, downlink, both };

/// Sizes of the inner IPv4 packets.
enum class Mix : std::uint8_t {
    small,  ///< 64 bytes
    imix,   ///< 64, 576 and 1400 bytes as 7 : 4 : 1
};

/// Writes frames as they come from the wire: for uplink tunnel packets from a node's uplink, for downlink packets from
/// a correspondent. Node and correspondent are chosen at random for each; every other correspondent is one that a rule
/// names. Returns the frame's length.
class Frames {
  public:
    Frames(const Population& population, Mix mix, std::uint64_t seed)
        : population_(population), mix_(mix), random_(static_cast<std::minstd_rand::result_type>(seed)) {}

    std::uint16_t uplink(std::uint8_t* at);
    std::uint16_t downlink(std::uint8_t* at);

  private:
    std::uint16_t inner_length() noexcept;
    std::uint32_t correspondent() noexcept;
    std::uint32_t random_below(std::uint32_t bound) noexcept {
        return static_cast<std::uint32_t>((std::uint64_t{random_()} * bound) >> 31);
    }

    const Population& population_;
    Mix mix_;
    std::minstd_rand random_;
    std::uint32_t made_ = 0;
};

}  // namespace bench
