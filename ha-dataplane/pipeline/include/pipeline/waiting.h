#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "wire/ipv4.h"

namespace homeward::pipeline {

/// Packets that wait for their neighbour's link address: few per neighbour, few neighbours, all bounded. The packets
/// are complete but for the Ethernet header, for which the room is checked.
class Waiting {
  public:
    static constexpr unsigned kNeighbours = 64;
    static constexpr unsigned kPerNeighbour = 8;

    struct Entry {
        std::uint16_t port = 0;
        std::uint16_t count = 0;  ///< 0: free
        wire::Ipv4Address address;
        std::uint64_t since = 0;  ///< TSC, of the first packet
        std::uint64_t asked = 0;  ///< TSC, of the last request to resolve
        std::array<rte_mbuf*, kPerNeighbour> packets{};
    };

    bool empty() const noexcept { return used_ == 0; }
    /// The entry of this neighbour, a new one if it has none, null when all are taken.
    Entry* entry(std::uint16_t port, wire::Ipv4Address address, std::uint64_t now) noexcept {
        Entry* free_entry = nullptr;
        for (Entry& entry : entries_) {
            if (entry.count != 0 && entry.port == port && entry.address == address) {
                return &entry;
            }
            if (entry.count == 0 && free_entry == nullptr) {
                free_entry = &entry;
            }
        }
        if (free_entry != nullptr) {
            *free_entry = {.port = port, .address = address, .since = now};
        }
        return free_entry;
    }
    bool push(Entry& entry, rte_mbuf* mbuf) noexcept {
        if (entry.count == kPerNeighbour) {
            return false;
        }
        used_ += entry.count == 0 ? 1 : 0;
        entry.packets[entry.count++] = mbuf;
        return true;
    }
    void release(Entry& entry) noexcept {
        entry.count = 0;
        --used_;
    }
    std::array<Entry, kNeighbours>& entries() noexcept { return entries_; }

  private:
    std::array<Entry, kNeighbours> entries_{};
    unsigned used_ = 0;
};

}  // namespace homeward::pipeline
