#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include "pipeline/headers.h"

namespace homeward::pipeline {

/// Which ports a first fragment showed, so that later fragments of the same packet take the same way (their ports are
/// not in them). Direct-mapped and bounded: an entry that was displaced or is too old makes the later fragment match
/// without them.
class FragmentCache {
  public:
    /// `secret`: so that nobody can tell which packets displace each other.
    explicit FragmentCache(std::uint64_t secret) noexcept : secret_(secret) {}

    /// Of a packet to a node: the source port is the correspondent's.
    struct Ports {
        std::uint16_t correspondent = 0;
        std::uint16_t node = 0;
    };

    void remember(const Ipv4Header& ip, Ports ports, std::uint64_t now) noexcept {
        entries_[index(ip)] = {key(ip), low(ip), ports, now, true};
    }
    /// nullopt: no first fragment passed less than `lifetime` cycles ago.
    std::optional<Ports> recall(const Ipv4Header& ip, std::uint64_t now, std::uint64_t lifetime) const noexcept {
        const Entry& entry = entries_[index(ip)];
        if (!entry.valid || entry.addresses != key(ip) || entry.rest != low(ip) || now - entry.seen >= lifetime) {
            return std::nullopt;
        }
        return entry.ports;
    }

  private:
    struct Entry {
        std::uint64_t addresses = 0;
        std::uint32_t rest = 0;  ///< protocol and id
        Ports ports;
        std::uint64_t seen = 0;
        bool valid = false;
    };

    static std::uint64_t key(const Ipv4Header& ip) noexcept {
        return std::uint64_t{ip.source.host()} << 32 | ip.destination.host();
    }
    static std::uint32_t low(const Ipv4Header& ip) noexcept { return std::uint32_t{ip.protocol} << 16 | ip.id.host(); }
    std::size_t index(const Ipv4Header& ip) const noexcept {
        std::uint64_t hash = (key(ip) ^ secret_) * 0x9e3779b97f4a7c15ULL;
        hash = (hash ^ low(ip) ^ hash >> 32) * 0xd6e8feb86659fd93ULL;
        return hash >> 54;
    }

    std::uint64_t secret_;
    std::array<Entry, 1024> entries_{};
};

}  // namespace homeward::pipeline
