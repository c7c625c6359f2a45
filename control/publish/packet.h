#pragma once

#include <cstring>
#include <span>
#include <vector>

#include "ipc/messages.h"
#include "wire/cursor.h"

namespace homeward::publish {

/// Builds one packet of the stream: a header and records of one type, never above ipc::kMaxMessage.
class Packet {
  public:
    explicit Packet(ipc::Type type) : bytes_(sizeof(ipc::Header)) { header_.type = type; }

    template <class Record>
    bool fits() const noexcept {
        return bytes_.size() + sizeof(Record) <= ipc::kMaxMessage;
    }
    template <class Record>
    void add(const Record& record) {
        append(&record, sizeof record);
        ++header_.count;
    }
    void add_bytes(wire::ByteView bytes) { append(bytes.data(), bytes.size()); }
    std::size_t size() const noexcept { return bytes_.size(); }

    /// The finished packet, numbered.
    wire::Bytes finish(std::uint64_t sequence) {
        header_.sequence = sequence;
        std::memcpy(bytes_.data(), &header_, sizeof header_);
        return std::move(bytes_);
    }

  private:
    void append(const void* data, std::size_t size) {
        const std::size_t offset = bytes_.size();
        bytes_.resize(offset + size);
        std::memcpy(bytes_.data() + offset, data, size);
    }

    ipc::Header header_;
    wire::Bytes bytes_;
};

}  // namespace homeward::publish
