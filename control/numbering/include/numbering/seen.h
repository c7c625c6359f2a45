#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace homeward::numbering {

/// Which tunnel packets of one sender came already, by their numbers: of several copies exactly one is the first,
/// whoever asks and in whatever order they come.
///
/// Theory of operation. A number has one place, its lowest bits, and the place holds the last number that came there
/// and when. To ask is to exchange: who finds its own number, not older than kMemoryMs, has a copy. There is no edge
/// that moves with the highest number, and so nothing that has to be moved, locked or told when numbers wrap, packets
/// overtake each other, or a sender begins anew somewhere else: `places` numbers later, or kMemoryMs later, a place is
/// free for whatever comes. A copy that comes later than that passes; who wants none needs as many places as packets
/// come within the difference of the paths' delays.
///
/// Writers: any thread (the home agent's workers, when copies of one packet arrive by several). An exchange decides
/// which of two copies was first, so nothing else needs an order between threads.
class Seen {
  public:
    static constexpr unsigned kMost = 32768;          ///< places: so half of all numbers are ahead and half behind
    static constexpr std::uint64_t kMemoryMs = 1024;  ///< copies are never further apart on paths that are any use
    static constexpr std::uint16_t kUnnumbered = 0;   ///< no packet's number

    /// `places`: a power of two up to kMost, four bytes each.
    explicit Seen(unsigned places) : mask_(places - 1), places_(new std::atomic<std::uint32_t>[places]) { clear(); }

    /// Whether this is the first packet with this number, which is then noted. `now_ms`: any clock that only grows,
    /// the same for all callers up to some milliseconds. After 35 minutes without a packet on a place, one may be
    /// taken for a copy of what is there.
    bool first(std::uint16_t number, std::uint64_t now_ms) noexcept {
        const std::uint32_t mine = word(number, now_ms);
        return !same(places_[number & mask_].exchange(mine, std::memory_order_relaxed), mine);
    }
    /// Whether a packet with this number came.
    bool holds(std::uint16_t number, std::uint64_t now_ms) const noexcept {
        return same(places_[number & mask_].load(std::memory_order_relaxed), word(number, now_ms));
    }
    void clear() noexcept {
        for (std::size_t i = 0; i <= mask_; ++i) {
            places_[i].store(0, std::memory_order_relaxed);
        }
    }
    unsigned places() const noexcept { return mask_ + 1; }

  private:
    static constexpr unsigned kTickShift = 5;  ///< the clock's ticks are 32 ms, and 16 bits of them are kept

    static constexpr std::uint32_t word(std::uint16_t number, std::uint64_t now_ms) noexcept {
        return std::uint32_t{number} << 16 | static_cast<std::uint16_t>(now_ms >> kTickShift);
    }
    /// Another thread's clock may be a tick ahead.
    static constexpr bool same(std::uint32_t held, std::uint32_t mine) noexcept {
        const auto age = static_cast<std::uint16_t>(mine - held + 1);
        return held >> 16 == mine >> 16 && age <= (kMemoryMs >> kTickShift) + 1;
    }

    unsigned mask_;
    std::unique_ptr<std::atomic<std::uint32_t>[]> places_;
};

/// A sender's next number. Writers: any thread.
class Counter {
  public:
    /// Begins anywhere: numbers of an earlier run, if they are remembered, are likely others.
    void start(std::uint16_t at) noexcept { next_.store(at, std::memory_order_relaxed); }
    /// 1–65535, then 1 again.
    std::uint16_t next() noexcept {
        std::uint16_t number = next_.fetch_add(1, std::memory_order_relaxed);
        return number != Seen::kUnnumbered ? number : next_.fetch_add(1, std::memory_order_relaxed);
    }

  private:
    std::atomic<std::uint16_t> next_{1};
};

}  // namespace homeward::numbering
