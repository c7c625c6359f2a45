#include "fleet.h"

namespace rig {

Fleet::Fleet(std::uint32_t nodes) : nodes_(nodes), truth_(std::make_unique<Truth[]>(nodes)) {}

std::optional<std::uint32_t> Fleet::node_at(std::uint32_t address) const noexcept {
    const std::uint32_t node = address - home_address(0);
    return node < nodes_ ? std::optional{node} : std::nullopt;
}

void Fleet::widen(std::uint32_t node, const PeerMasks& leave, Mask come) noexcept {
    for (unsigned peer = 0; peer < kPeers; ++peer) {
        truth_[node].leave[peer].fetch_or(leave[peer]);
    }
    truth_[node].come.fetch_or(come);
}

void Fleet::narrow(std::uint32_t node, const PeerMasks& leave, Mask come) noexcept {
    for (unsigned peer = 0; peer < kPeers; ++peer) {
        truth_[node].leave[peer].store(leave[peer]);
    }
    truth_[node].come.store(come);
}

}  // namespace rig
