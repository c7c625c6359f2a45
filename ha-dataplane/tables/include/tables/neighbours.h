#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "tables/quiescence.h"
#include "tables/shared.h"
#include "wire/ipv4.h"

namespace homeward::tables {

enum class NeighbourState : std::uint8_t {
    absent = 0,
    reachable,  ///< confirmed by the kernel, or permanent
    stale,      ///< usable; the kernel wants to hear when it is used, and then probes it
    failed,     ///< the kernel asked and got no answer
};

/// A neighbour's link address and state in one 64-bit word.
class NeighbourWord {
  public:
    constexpr NeighbourWord() = default;
    explicit constexpr NeighbourWord(std::uint64_t bits) noexcept : bits_(bits) {}
    constexpr NeighbourWord(const MacAddress& mac, NeighbourState state) noexcept
        : bits_(static_cast<std::uint64_t>(state)) {
        for (std::size_t i = 0; i < mac.size(); ++i) {
            bits_ |= std::uint64_t{mac[i]} << (16 + 8 * i);
        }
    }
    constexpr std::uint64_t bits() const noexcept { return bits_; }
    constexpr NeighbourState state() const noexcept { return static_cast<NeighbourState>(bits_ & 0xff); }
    constexpr bool usable() const noexcept {
        return state() == NeighbourState::reachable || state() == NeighbourState::stale;
    }
    constexpr MacAddress mac() const noexcept {
        MacAddress mac{};
        for (std::size_t i = 0; i < mac.size(); ++i) {
            mac[i] = static_cast<std::uint8_t>(bits_ >> (16 + 8 * i));
        }
        return mac;
    }

  private:
    std::uint64_t bits_ = 0;
};

/// (port, address) → link address. Open addressing; a key is never removed from a published array, only its word is
/// cleared, so that a reader's probe sequence always ends. The array is replaced whole when it fills up.
class Neighbours {
  public:
    explicit Neighbours(Quiescence& quiescence);
    ~Neighbours();
    Neighbours(const Neighbours&) = delete;
    Neighbours& operator=(const Neighbours&) = delete;

    // Readers.
    NeighbourWord lookup(std::uint16_t port, wire::Ipv4Address address) const noexcept {
        const Array* array = array_.load(std::memory_order_acquire);
        const std::uint64_t key = key_of(port, address);
        for (std::uint32_t i = hash(key) & array->mask;; i = (i + 1) & array->mask) {
            const std::uint64_t held = array->entries[i].key.load(std::memory_order_acquire);
            if (held == key) {
                return NeighbourWord{array->entries[i].word.load(std::memory_order_acquire)};
            }
            if (held == 0) {
                return NeighbourWord{};
            }
        }
    }

    /// Counts what `lookup` may see, a moment after it may: who remembers an answer and reads the same number as
    /// before asking, has an old answer for no more than that moment.
    std::uint32_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }

    // Writer.
    void put(std::uint16_t port, wire::Ipv4Address address, const MacAddress& mac, NeighbourState state);
    void remove(std::uint16_t port, wire::Ipv4Address address);
    std::size_t size() const noexcept { return live_; }

  private:
    struct Entry {
        std::atomic<std::uint64_t> key{0};
        std::atomic<std::uint64_t> word{0};
    };
    struct Array {
        std::uint32_t mask;
        std::unique_ptr<Entry[]> entries;
    };

    static std::uint64_t key_of(std::uint16_t port, wire::Ipv4Address address) noexcept {
        return std::uint64_t{1} << 63 | std::uint64_t{port} << 32 | address.host();
    }
    static std::uint32_t hash(std::uint64_t key) noexcept {
        return static_cast<std::uint32_t>((key * 0x9e3779b97f4a7c15ULL) >> 32);
    }
    void note_change() noexcept { changes_.fetch_add(1, std::memory_order_release); }
    static Array* make(std::uint32_t size);
    static Entry& find(Array& array, std::uint64_t key) noexcept;
    void grow();

    Quiescence& quiescence_;
    std::atomic<Array*> array_;
    std::atomic<std::uint32_t> changes_{0};
    std::size_t used_ = 0;  ///< writer only: keys in the array, cleared ones too
    std::size_t live_ = 0;  ///< writer only
};

}  // namespace homeward::tables
