#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "policy/rule.h"
#include "result/result.h"
#include "wire/cursor.h"

namespace homeward::policy {

using Digest = std::array<std::uint8_t, 32>;  ///< SHA-256 of the canonical encoding

/// Names one applied table: `version` grows with every change at the node that owns it, `digest` says what is in it.
struct Generation {
    std::uint32_t version = 0;
    Digest digest{};

    friend bool operator==(const Generation&, const Generation&) noexcept = default;
};

/// The one byte string that stands for a policy: it is digested, sent in chunks, stored, and handed to the data
/// plane. docs/policy-sync.md describes it with test vectors.
wire::Bytes encode(const Policy& policy);
/// The inverse. Refuses everything `encode` would not have written (set host bits, unsorted ports, trailing bytes …).
Result<Policy> decode(wire::ByteView bytes);

Digest digest(wire::ByteView canonical);
std::string to_hex(const Digest& digest);

}  // namespace homeward::policy
