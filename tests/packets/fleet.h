#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>

/// A home agent under churn: nodes whose bindings change while packets flow, and what must hold of every packet.
///
///     fleet     who there is, and which uplinks are valid right now
///     machine   the home agent without its processes: devices, tables, exception path, workers on their lcores
///     churn     control: installs, removes, swaps policies, replays
///     traffic   the devices' far ends: makes frames, and judges every one that leaves
namespace rig {

/// The nodes. Everything about an address is arithmetic, so that a frame says by itself whose it is.
///
/// Node n has eight possible uplinks, its *variants*, of which its binding holds some at any time: 0 to 3 are its WLAN
/// (label 1), 4 to 6 its cellular network (label 2), 7 a spare (label 3) that no policy ever names. Even nodes are
/// *faithful*: always bound, with WLAN variant 0 up, and their policies always allow it; none of their packets may be
/// lost. Odd nodes come and go.
///
/// What may happen to a packet is kept in masks of variants. The writer widens them before it changes a node, and
/// narrows them once every packet that saw the old state has left. A packet that leaves by another uplink than its
/// mask says, then, used what was not in force at any time while it was inside.
class Fleet {
  public:
    static constexpr unsigned kVariants = 8, kPeers = 4;
    static constexpr std::uint32_t kHomeAgent = 0xc0000201;                          ///< 192.0.2.1
    static constexpr std::uint32_t kHomeNetwork = 0x0a400000;                        ///< 10.64.0.0/12
    static constexpr std::uint32_t kAccessNetwork = 0x64400000, kPeer = 0xc6120001;  ///< 100.64.0.0/10, 198.18.0.1
    static constexpr std::uint32_t kAccessGateway = 0xc00002fe, kHomeGateway = 0xc61203fe;
    static constexpr std::uint16_t kTunnelPort = 434;
    static constexpr std::array<std::uint8_t, 6> kFarMac = {2, 0, 0, 0, 0, 0xfe};  ///< of both gateways

    /// `nodes` ≤ 2^19.
    explicit Fleet(std::uint32_t nodes);

    std::uint32_t nodes() const noexcept { return nodes_; }
    static bool faithful(std::uint32_t node) noexcept { return node % 2 == 0; }
    static std::uint8_t label(unsigned variant) noexcept { return variant < 4 ? 1 : variant < 7 ? 2 : 3; }

    static std::uint32_t home_address(std::uint32_t node) noexcept { return kHomeNetwork + 256 + node; }
    static std::uint32_t care_of(std::uint32_t node, unsigned variant) noexcept {
        return kAccessNetwork + node * kVariants + variant;
    }
    static std::uint16_t port(std::uint32_t node, unsigned variant) noexcept {
        return static_cast<std::uint16_t>(20000 + (node * kVariants + variant) % 40000);
    }
    static std::uint32_t peer(unsigned number) noexcept { return kPeer + number; }
    /// None: nobody's home address.
    std::optional<std::uint32_t> node_at(std::uint32_t home_address) const noexcept;

    using Mask = std::uint8_t;
    using PeerMasks = std::array<Mask, kPeers>;

    /// Variants by which a packet from `peer` may leave towards the node.
    Mask may_leave_by(std::uint32_t node, unsigned peer) const noexcept { return truth_[node].leave[peer].load(); }
    /// Variants from which a packet of the node may be accepted.
    Mask may_come_by(std::uint32_t node) const noexcept { return truth_[node].come.load(); }

    // Writer.
    void widen(std::uint32_t node, const PeerMasks& leave, Mask come) noexcept;
    void narrow(std::uint32_t node, const PeerMasks& leave, Mask come) noexcept;

  private:
    struct Truth {
        std::array<std::atomic<Mask>, kPeers> leave{};
        std::atomic<Mask> come{0};
    };

    std::uint32_t nodes_;
    std::unique_ptr<Truth[]> truth_;
};

}  // namespace rig
