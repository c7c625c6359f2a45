#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "pipeline/pipeline.h"
#include "pipeline/quad.h"

namespace homeward::pipeline {

/// What four frames are seen to be before a look at their headers.
struct QuadFrames {
    std::array<const std::uint8_t*, kQuad> headers;  ///< IPv4
    Quad unusual;                                    ///< not zero: not all have `usual_` and `ours_`
    Quad length;                                     ///< bytes, of usual ones
};

[[gnu::always_inline]] inline QuadFrames Pipeline::look_at(rte_mbuf** frames, const Express* packets) const {
    const auto headers = [packets](unsigned i) { return reinterpret_cast<const std::uint8_t*>(packets[i].ip); };
    const auto unusual = [&](unsigned i) { return usual_.difference(*frames[i]); };
    const auto not_ours = [&](unsigned i) { return ours_.difference(headers(i) - sizeof(EthernetHeader)); };
    const auto length = [frames](unsigned i) { return frames[i]->pkt_len; };  // of one segment
    return {.headers = {headers(0), headers(1), headers(2), headers(3)},
            .unusual = unusual(0) | unusual(1) | unusual(2) | unusual(3) |
                       PlainBeginning::that_counts(not_ours(0) | not_ours(1) | not_ours(2) | not_ours(3)),
            .length = Quad{length(0), length(1), length(2), length(3)}};
}

/// The lengths of four frames as their descriptors have them: of the packet and of its only segment, by one store. It
/// covers the VLAN's tag, too, which without its flag means nothing.
class QuadLengths {
  public:
    explicit QuadLengths(Quad bytes) noexcept
        : first_(reinterpret_cast<QuadPair>(__builtin_shufflevector(bytes, bytes, 0, 0, 1, 1))),
          second_(reinterpret_cast<QuadPair>(__builtin_shufflevector(bytes, bytes, 2, 2, 3, 3))) {}

    [[gnu::always_inline]] void put(rte_mbuf& frame, unsigned which) const noexcept {
        static_assert(offsetof(rte_mbuf, data_len) == offsetof(rte_mbuf, pkt_len) + sizeof frame.pkt_len);
        const std::uint64_t both = (which < 2 ? first_ : second_)[which % 2];
        std::memcpy(&frame.pkt_len, &both, sizeof both);
    }

  private:
    QuadPair first_, second_;
};

}  // namespace homeward::pipeline
