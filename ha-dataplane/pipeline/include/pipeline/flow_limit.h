#pragma once

#include <array>
#include <cstdint>

namespace homeward::pipeline {

/// At most `limit` events per key and second, in a table of fixed size: keys that fall on the same entry displace
/// each other, so a flood of keys can lift the limit but never take memory or time.
class FlowLimit {
  public:
    bool allow(std::uint64_t key, std::uint64_t now, std::uint64_t tsc_hz, std::uint32_t limit) noexcept {
        Entry& entry = entries_[(key * 0x9e3779b97f4a7c15ULL) >> 56];
        if (entry.key != key || now - entry.since >= tsc_hz || entry.count == 0) {
            entry = {key, now, 1};
            return true;
        }
        return entry.count++ < limit;
    }

  private:
    struct Entry {
        std::uint64_t key = 0;
        std::uint64_t since = 0;
        std::uint32_t count = 0;
    };
    std::array<Entry, 256> entries_{};
};

}  // namespace homeward::pipeline
