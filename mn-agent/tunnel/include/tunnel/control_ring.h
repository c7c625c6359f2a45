#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>

#include "wire/cursor.h"

namespace homeward::tunnel {

/// What the tunnel's thread found that is the agent's business.
struct ControlDatagram {
    enum class Kind : std::uint8_t { registration, echo_reply };
    Kind kind{};
    std::uint8_t slot = 0;
    std::uint16_t size = 0;
    std::array<std::uint8_t, 2048> bytes;

    wire::ByteView view() const noexcept { return {bytes.data(), size}; }
};

/// A bounded queue from one thread (the tunnel's) to one other (the agent's), without locks or allocation.
class ControlRing {
  public:
    /// False: full, or larger than a datagram may be.
    bool push(ControlDatagram::Kind kind, std::uint8_t slot, wire::ByteView bytes) noexcept {
        const std::uint32_t head = head_.load(std::memory_order_relaxed);
        if (head - tail_.load(std::memory_order_acquire) == kSlots || bytes.size() > sizeof ControlDatagram::bytes) {
            return false;
        }
        ControlDatagram& datagram = slots_[head % kSlots];
        datagram.kind = kind;
        datagram.slot = slot;
        datagram.size = static_cast<std::uint16_t>(bytes.size());
        std::copy(bytes.begin(), bytes.end(), datagram.bytes.begin());
        head_.store(head + 1, std::memory_order_release);
        return true;
    }
    /// The oldest one, or null; valid until `pop`.
    const ControlDatagram* front() const noexcept {
        const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
        return tail == head_.load(std::memory_order_acquire) ? nullptr : &slots_[tail % kSlots];
    }
    void pop() noexcept { tail_.store(tail_.load(std::memory_order_relaxed) + 1, std::memory_order_release); }

  private:
    static constexpr std::uint32_t kSlots = 64;
    std::array<ControlDatagram, kSlots> slots_{};
    alignas(64) std::atomic<std::uint32_t> head_{0};  // writer: the tunnel's thread
    alignas(64) std::atomic<std::uint32_t> tail_{0};  // writer: the agent's thread
};

}  // namespace homeward::tunnel
