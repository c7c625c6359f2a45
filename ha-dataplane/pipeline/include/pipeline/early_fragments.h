#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "pipeline/packet.h"

namespace homeward::pipeline {

/// Later fragments to nodes that came before their first one, where the policy asks for the port which only that one
/// shows. They wait for it, but shortly and few: a fragment that finds no room goes on at once, matched without port.
class EarlyFragments {
  public:
    static constexpr unsigned kPackets = 64;

    struct Entry {
        rte_mbuf* mbuf = nullptr;  ///< begins with the IPv4 header; null: free
        std::uint16_t port = 0;
        Source source = Source::wire;
        std::uint64_t since = 0;  ///< TSC
    };

    bool empty() const noexcept { return used_ == 0; }
    bool hold(const Packet& packet, std::uint64_t now) noexcept {
        if (used_ == kPackets) {
            return false;
        }
        Entry* entry = entries_.data();
        while (entry->mbuf != nullptr) {
            ++entry;
        }
        *entry = {packet.mbuf, packet.port, packet.source, now};
        ++used_;
        return true;
    }
    void release(Entry& entry) noexcept {
        entry.mbuf = nullptr;
        --used_;
    }
    std::array<Entry, kPackets>& entries() noexcept { return entries_; }

  private:
    std::array<Entry, kPackets> entries_{};
    unsigned used_ = 0;
};

}  // namespace homeward::pipeline
