#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "ipc/messages.h"
#include "policy/table.h"
#include "wire/byte_order.h"

namespace homeward::tables {

/// What a reader needs of one uplink, in one 64-bit word, so that no reader ever sees a care-of address with
/// another's port: care-of address 32 | port 16 | name 8 | flags 8. Port 0: IP in IP without UDP (RFC 2003). Address
/// and port have the byte order of a packet, so that readers compare and write them as they are. `name` is what the
/// node's policy calls the uplink: its label, or its binding id when the policy came as RFC 7629 flow bindings.
class UplinkWord {
  public:
    // Parts of the word.
    static constexpr std::uint64_t kUp = 1;
    static constexpr std::uint64_t kPresent = 2;
    static constexpr unsigned kNameShift = 8;
    static constexpr std::uint64_t kName = std::uint64_t{0xff} << kNameShift;

    constexpr UplinkWord() = default;
    explicit constexpr UplinkWord(std::uint64_t bits) noexcept : bits_(bits) {}
    constexpr UplinkWord(std::uint32_t care_of, std::uint16_t port, std::uint8_t name, bool up) noexcept
        : bits_(tuple(wire::be32{care_of}, wire::be16{port}) << 16 | std::uint64_t{name} << kNameShift | kPresent |
                (up ? kUp : 0U)) {}

    constexpr std::uint64_t bits() const noexcept { return bits_; }
    constexpr wire::be32 wire_care_of() const noexcept {
        return wire::be32::from_raw(static_cast<std::uint32_t>(bits_ >> 32));
    }
    constexpr wire::be16 wire_port() const noexcept {
        return wire::be16::from_raw(static_cast<std::uint16_t>(bits_ >> 16));
    }
    constexpr std::uint32_t care_of() const noexcept { return wire_care_of().host(); }
    constexpr std::uint16_t port() const noexcept { return wire_port().host(); }
    /// IP in IP without UDP.
    constexpr bool plain() const noexcept { return wire_port() == wire::be16{0}; }
    constexpr bool present() const noexcept { return (bits_ & kPresent) != 0; }
    /// May be chosen on the way down.
    constexpr bool up() const noexcept { return (bits_ & kUp) != 0; }
    constexpr std::uint8_t name() const noexcept { return static_cast<std::uint8_t>(bits_ >> kNameShift); }
    constexpr bool has_tuple(wire::be32 care_of, wire::be16 port) const noexcept {
        return present() && bits_ >> 16 == tuple(care_of, port);
    }

    static constexpr std::uint64_t tuple(wire::be32 care_of, wire::be16 port) noexcept {
        return std::uint64_t{care_of.raw()} << 16 | port.raw();
    }

  private:
    std::uint64_t bits_ = 0;
};

/// A policy's compiled table and the writer's bookkeeping of it.
struct Policy {
    policy::Table table;
    std::uint32_t number = 0;
    std::uint32_t references = 0;  ///< writer only: bindings that point here, and one while the number is in force
    std::uint32_t mark = 0;        ///< writer only: the last synchronisation that named it
};

/// Names no uplink for anybody: what a binding points to that is not bound. A reader that meets an installation or a
/// removal may see the policy of one side of it and the uplinks of the other; then it drops the packet and never takes
/// an uplink that the node's policy would not have named.
const Policy& closed_policy();

/// A node as the workers see it. All fields are written by the tables' one writer.
///
/// This is the line a worker touches, enough for a node with up to four uplinks; what is needed seldom lies apart
/// (`rest`), and the lines of a page close together: where one in two were a line nobody reads, a million bindings took
/// twice the cache, and a packet twice as long to get its own (docs/performance.md).
///
/// An uplink keeps its slot as long as it keeps its binding id; `order` lists the slots in use in the node's order. A
/// change writes the uplinks' words first and `order` last, so that a reader in between sees each uplink either as
/// it was or as it is, and never an empty list while there is an uplink.
class alignas(64) Binding {
    template <class Self>
    static auto& word(Self& self, unsigned slot) noexcept {
        return slot < kFirstLine ? self.uplinks_[slot] : self.rest->uplinks[slot - kFirstLine];
    }
    template <class Self>
    static auto& mtu_of(Self& self, unsigned slot) noexcept {
        return slot < kFirstLine ? self.mtu_[slot] : self.rest->mtu[slot - kFirstLine];
    }

  public:
    static constexpr unsigned kFirstLine = 4;  ///< slots whose words are in this line

    struct Rest {
        std::array<std::atomic<std::uint64_t>, ipc::kMaxUplinks - kFirstLine> uplinks{};  ///< of the slots behind it
        std::array<std::atomic<std::uint16_t>, ipc::kMaxUplinks - kFirstLine> mtu{};
        std::atomic<std::uint32_t> numbered{0};  ///< index in Numberings; 0: tunnel packets have no numbers
        // Writer only.
        std::array<std::uint16_t, ipc::kMaxUplinks> told_mtu{};  ///< as control said; 0: Settings::tunnel_mtu
        std::array<std::uint8_t, ipc::kMaxUplinks> binding_ids{};
        std::uint32_t mark = 0;  ///< the last synchronisation that named it
    };

    std::atomic<const Policy*> policy{&closed_policy()};  ///< null: the first uplink that is up, in order
    std::atomic<std::uint32_t> order{0};         ///< count in bits 0–3, then 3 bits per position; flags below
    std::atomic<std::uint16_t> clamp_mtu{0};     ///< the smallest tunnel MTU of all uplinks: TCP may fall back to any
    std::atomic<std::uint16_t> slot_by_name{0};  ///< a hint: 2 bits at 2 * (name % 8), a slot of this line
    Rest* rest = nullptr;                        ///< never null in a page

    /// In `order`: a slot behind those is in use.
    static constexpr std::uint32_t kSecondLine = std::uint32_t{1} << 31;
    /// In `order`: `numbered` may not be 0, and the way down is not the express lane's.
    static constexpr std::uint32_t kNumbered = std::uint32_t{1} << 30;
    /// In `order`: an uplink has no UDP, and the way down is not the express lane's.
    static constexpr std::uint32_t kPlain = std::uint32_t{1} << 29;

    static constexpr unsigned count(std::uint32_t order) noexcept { return order & 0xf; }
    static constexpr unsigned slot(std::uint32_t order, unsigned position) noexcept {
        return order >> (4 + 3 * position) & 7;
    }
    /// Where an uplink of this name probably is: the reader must look whether its word says so.
    unsigned likely_slot(std::uint8_t name) const noexcept {
        return unsigned{slot_by_name.load(std::memory_order_relaxed)} >> name_shift(name) & (kFirstLine - 1);
    }
    /// Whether an uplink of the first line, up or not, has this care-of address and port: all four at once, for which
    /// one of them it is nobody can predict.
    [[gnu::always_inline]] bool has_tuple(wire::be32 care_of, wire::be16 port) const noexcept {
        static_assert(kFirstLine == 4);
        const std::uint64_t wanted = UplinkWord::tuple(care_of, port) << 16;
        const auto off = [&](unsigned slot) { return near_uplink(slot).bits() ^ wanted; };
        // By value: of std::min's references the compiler makes memory and a branch at times.
        const auto least = [](std::uint64_t a, std::uint64_t b) { return a < b ? a : b; };
        const std::uint64_t closest = least(least(off(0), off(1)), least(off(2), off(3)));
        return closest <= 0xffff && wanted != 0;  // an empty word's tuple is 0
    }
    static constexpr unsigned name_shift(std::uint8_t name) noexcept { return 2 * (name & 7U); }
    bool bound() const noexcept { return count(order.load(std::memory_order_acquire)) != 0; }
    UplinkWord uplink(unsigned slot) const noexcept {
        return UplinkWord{word(*this, slot).load(std::memory_order_acquire)};
    }
    /// Of the tunnel, in force, bytes.
    std::uint16_t mtu(unsigned slot) const noexcept { return mtu_of(*this, slot).load(std::memory_order_relaxed); }
    /// The same of a slot of this line.
    UplinkWord near_uplink(unsigned slot) const noexcept {
        return UplinkWord{uplinks_[slot].load(std::memory_order_acquire)};
    }
    std::uint16_t near_mtu(unsigned slot) const noexcept { return mtu_[slot].load(std::memory_order_relaxed); }

    // Writer.
    void set_uplink(unsigned slot, UplinkWord uplink) noexcept {
        word(*this, slot).store(uplink.bits(), std::memory_order_release);
    }
    void set_mtu(unsigned slot, std::uint16_t bytes) noexcept {
        mtu_of(*this, slot).store(bytes, std::memory_order_relaxed);
    }

  private:
    std::array<std::atomic<std::uint16_t>, kFirstLine> mtu_{};
    std::array<std::atomic<std::uint64_t>, kFirstLine> uplinks_{};  ///< UplinkWord bits
};
static_assert(sizeof(Binding) == 64);

/// The smallest unit that is allocated: bindings of 32,768 neighbouring addresses, as much as a huge page holds.
struct alignas(2U << 20) BindingPage {
    static constexpr unsigned kShift = 15;
    static constexpr unsigned kBindings = 1U << kShift;

    /// `rests` has as many.
    explicit BindingPage(Binding::Rest* rests) noexcept {
        for (unsigned i = 0; i < kBindings; ++i) {
            bindings[i].rest = rests + i;
        }
    }

    std::array<Binding, kBindings> bindings{};
};
static_assert(sizeof(BindingPage) == 2U << 20);

}  // namespace homeward::tables
