#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "numbering/seen.h"

namespace homeward::tables {

/// What is kept of a node whose tunnel packets have numbers (mip/numbering.h). Writers of `down` and `up`: any worker,
/// for RSS spreads a node's flows, and the copies that come by its uplinks, over all of them.
struct Numbered {
    /// Copies are told apart as long as they come within so many packets of those that are sent more than once.
    static constexpr unsigned kPlaces = 2048;

    numbering::Counter down;
    numbering::Seen up{kPlaces};
    // The tables' writer, before it is published.
    std::uint16_t run = 0;
    bool everything = false;  ///< down: not only what is sent more than once
};

/// The numbered nodes by an index that a binding holds in four bytes; 0 is nobody's. What is released is used again
/// once no worker can hold it, and kept until the process ends.
class Numberings {
  public:
    static constexpr std::uint32_t kMost = 65'536;

    // Readers: of an index that a binding has.
    Numbered& at(std::uint32_t index) const noexcept {
        return (*chunks_[index / kChunk].load(std::memory_order_acquire))[index % kChunk];
    }

    /// Grows when an uplink of a numbered node is not what it was.
    std::uint32_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }

    // Writer.
    /// After the change.
    void changed() noexcept { changes_.store(changes_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }
    /// One that knows nothing yet; 0: there are kMost already.
    std::uint32_t make(std::uint16_t run, bool everything, std::uint16_t first_number);
    /// Nobody can read it any more.
    void release(std::uint32_t index) { free_.push_back(index); }
    std::size_t memory_bytes() const noexcept;

  private:
    static constexpr std::uint32_t kChunk = 64;
    using Chunk = std::array<Numbered, kChunk>;

    std::array<std::atomic<Chunk*>, kMost / kChunk + 1> chunks_{};
    std::atomic<std::uint32_t> changes_{0};
    // Writer only.
    std::vector<std::unique_ptr<Chunk>> owned_;
    std::vector<std::uint32_t> free_;
    std::uint32_t made_ = 1;
};

}  // namespace homeward::tables
