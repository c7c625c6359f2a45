#include "tables/numberings.h"

namespace homeward::tables {

std::uint32_t Numberings::make(std::uint16_t run, bool everything, std::uint16_t first_number) {
    std::uint32_t index = 0;
    if (!free_.empty()) {
        index = free_.back();
        free_.pop_back();
        at(index).up.clear();
    } else if (made_ <= kMost) {
        index = made_++;
        if (std::atomic<Chunk*>& chunk = chunks_[index / kChunk]; chunk.load(std::memory_order_relaxed) == nullptr) {
            owned_.push_back(std::make_unique<Chunk>());
            chunk.store(owned_.back().get(), std::memory_order_release);
        }
    } else {
        return 0;
    }
    Numbered& made = at(index);
    made.run = run;
    made.everything = everything;
    made.down.start(first_number);
    return index;
}

std::size_t Numberings::memory_bytes() const noexcept {
    return owned_.size() * (sizeof(Chunk) + std::size_t{kChunk} * Numbered::kPlaces * 4);
}

}  // namespace homeward::tables
