#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <tuple>

#include "lab.h"

/// Frames for two home agents that should do the same with them.
namespace lab {

using Random = std::mt19937;

/// A number below `bound`.
unsigned below(Random& random, unsigned bound);
/// A frame that may be in order, and the port it comes in by.
std::tuple<std::uint16_t, Bytes> frame(Random& random);
/// One that the lane takes, unless it has the packet's last hop before it.
std::tuple<std::uint16_t, Bytes> plain_frame(Random& random);
/// Makes the checksum of the header at `ip` right: a wrong one hides what else is wrong.
void mend(Bytes& bytes, std::size_t ip);
/// At most `most` changes: a byte of the headers, or the frame's length.
void spoil(Random& random, Bytes& bytes, unsigned most);

}  // namespace lab
