#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <type_traits>
#include <vector>

#include "wire/byte_order.h"

namespace homeward::wire {

using Bytes = std::vector<std::uint8_t>;
using ByteView = std::span<const std::uint8_t>;

/// Reads a byte string front to back without ever passing its end. A read that does not fit sets `failed()` and
/// returns zero or an empty view; later reads fail too, so that one check after a group of reads is enough.
class Reader {
  public:
    explicit Reader(ByteView bytes) noexcept : rest_(bytes), size_(bytes.size()) {}

    std::uint8_t u8() noexcept { return integer<std::uint8_t>(); }
    std::uint16_t u16() noexcept { return integer<std::uint16_t>(); }
    std::uint32_t u32() noexcept { return integer<std::uint32_t>(); }
    std::uint64_t u64() noexcept { return integer<std::uint64_t>(); }
    ByteView bytes(std::size_t count) noexcept {
        if (failed_ || count > rest_.size()) {
            failed_ = true;
            return {};
        }
        const ByteView head = rest_.first(count);
        rest_ = rest_.subspan(count);
        return head;
    }

    bool failed() const noexcept { return failed_; }
    bool at_end() const noexcept { return rest_.empty(); }
    std::size_t remaining() const noexcept { return rest_.size(); }
    std::size_t offset() const noexcept { return size_ - rest_.size(); }

  private:
    template <class T>
    T integer() noexcept {
        const ByteView head = bytes(sizeof(T));
        if (head.empty()) {
            return 0;
        }
        BigEndian<T> value;
        static_assert(std::is_trivially_copyable_v<BigEndian<T>>);
        std::memcpy(&value, head.data(), sizeof value);
        return value.host();
    }

    ByteView rest_;
    std::size_t size_;
    bool failed_ = false;
};

/// Appends big-endian integers and bytes to a buffer it does not own.
class Writer {
  public:
    explicit Writer(Bytes& out) noexcept : out_(out) {}

    void u8(std::uint8_t value) { out_.push_back(value); }
    void u16(std::uint16_t value) { integer(value); }
    void u32(std::uint32_t value) { integer(value); }
    void u64(std::uint64_t value) { integer(value); }
    void bytes(ByteView value) { out_.insert(out_.end(), value.begin(), value.end()); }
    std::size_t size() const noexcept { return out_.size(); }
    /// Overwrites two bytes written before, for a length that is known only afterwards.
    void patch_u16(std::size_t offset, std::uint16_t value) {
        const be16 wire{value};
        std::memcpy(out_.data() + offset, &wire, sizeof wire);
    }

  private:
    template <class T>
    void integer(T value) {
        const BigEndian<T> wire{value};
        const auto* first = reinterpret_cast<const std::uint8_t*>(&wire);
        out_.insert(out_.end(), first, first + sizeof wire);
    }

    Bytes& out_;
};

}  // namespace homeward::wire
