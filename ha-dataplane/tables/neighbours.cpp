#include "tables/neighbours.h"

namespace homeward::tables {

Neighbours::Neighbours(Quiescence& quiescence) : quiescence_(quiescence), array_(make(256)) {}

Neighbours::~Neighbours() {
    delete array_.load();
}

Neighbours::Array* Neighbours::make(std::uint32_t size) {
    return new Array{size - 1, std::make_unique<Entry[]>(size)};
}

/// The entry that holds `key`, or the free one where it belongs.
Neighbours::Entry& Neighbours::find(Array& array, std::uint64_t key) noexcept {
    for (std::uint32_t i = hash(key) & array.mask;; i = (i + 1) & array.mask) {
        Entry& entry = array.entries[i];
        const std::uint64_t held = entry.key.load(std::memory_order_relaxed);
        if (held == key || held == 0) {
            return entry;
        }
    }
}

void Neighbours::put(std::uint16_t port, wire::Ipv4Address address, const MacAddress& mac, NeighbourState state) {
    const std::uint64_t key = key_of(port, address);
    Entry* entry = &find(*array_.load(std::memory_order_relaxed), key);
    if (entry->key.load(std::memory_order_relaxed) == 0) {
        // Half full is full: a probe sequence must end soon.
        if ((used_ + 1) * 2 > array_.load(std::memory_order_relaxed)->mask) {
            grow();
            entry = &find(*array_.load(std::memory_order_relaxed), key);
        }
        ++used_;
    }
    if (entry->word.load(std::memory_order_relaxed) == 0) {
        ++live_;
    }
    entry->word.store(NeighbourWord{mac, state}.bits(), std::memory_order_release);
    entry->key.store(key, std::memory_order_release);
    note_change();
}

void Neighbours::remove(std::uint16_t port, wire::Ipv4Address address) {
    Entry& entry = find(*array_.load(std::memory_order_relaxed), key_of(port, address));
    if (entry.word.load(std::memory_order_relaxed) != 0) {
        entry.word.store(0, std::memory_order_release);
        --live_;
        note_change();
    }
}

/// Moves what is alive into an array of fitting size and publishes it.
void Neighbours::grow() {
    Array* old = array_.load(std::memory_order_relaxed);
    std::uint32_t size = 256;
    while (size < 4 * (live_ + 1)) {
        size *= 2;
    }
    Array* next = make(size);
    used_ = 0;
    for (std::uint32_t i = 0; i <= old->mask; ++i) {
        const std::uint64_t word = old->entries[i].word.load(std::memory_order_relaxed);
        if (word != 0) {
            const std::uint64_t key = old->entries[i].key.load(std::memory_order_relaxed);
            Entry& entry = find(*next, key);
            entry.key.store(key, std::memory_order_relaxed);
            entry.word.store(word, std::memory_order_relaxed);
            ++used_;
        }
    }
    array_.store(next, std::memory_order_release);
    quiescence_.retire([old] { delete old; });
}

}  // namespace homeward::tables
