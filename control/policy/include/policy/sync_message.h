#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "policy/generation.h"
#include "wire/cursor.h"

/// The bytes that a node and its home agent exchange inside registration requests and replies to have the same
/// table; docs/policy-sync.md describes them with test vectors. They travel in vendor extensions in front of the
/// authenticator, cut and joined by control/mip, so what is read here is authentic, but not for that well-formed.
namespace homeward::policy {

/// Time since any epoch, on a clock that never jumps. The synchronisation has no clock of its own.
using Time = std::chrono::nanoseconds;

/// RFC 3115 vendor type of the extensions, in requests and in replies.
inline constexpr std::uint16_t kSyncVendorType = 1;

/// How the bytes that a transfer carries make a table.
enum class TransferKind : std::uint8_t {
    full = 1,   ///< they are its canonical encoding
    delta = 2,  ///< they say how to make it out of a table that the home agent has (policy/delta.h)
};

/// One piece of a transfer. All pieces but the last have `chunk_size` bytes.
struct Chunk {
    TransferKind kind = TransferKind::full;
    std::uint32_t transfer = 0;  ///< names the transfer: the first 4 bytes of the SHA-256 of all its bytes
    std::uint32_t total = 0;     ///< bytes of the whole transfer
    std::uint16_t chunk_size = 0;
    std::uint16_t index = 0;
    std::uint16_t serial = 0;  ///< counts what the node sent; the reply repeats it
    wire::ByteView data;

    std::uint32_t count() const noexcept { return (total + chunk_size - 1) / chunk_size; }
    friend bool same_transfer(const Chunk& a, const Chunk& b) noexcept {
        return a.kind == b.kind && a.transfer == b.transfer && a.total == b.total && a.chunk_size == b.chunk_size;
    }
};

/// What a request says: the node's table, and perhaps a piece of it.
struct SyncRequest {
    Generation generation;
    std::optional<Chunk> chunk;
};

inline constexpr std::size_t kSyncStateBytes = 1 + 4 + 32;
inline constexpr std::size_t kSyncChunkOverhead = kSyncStateBytes + 1 + 4 + 4 + 2 + 2 + 2;

wire::Bytes encode(const SyncRequest& request);
/// nullopt: malformed. The chunk's data points into `payload`; its size is right for its index.
std::optional<SyncRequest> decode_sync_request(wire::ByteView payload);

/// How the home agent took the transfer that a request belonged to.
enum class Answer : std::uint8_t {
    held = 0,          ///< taken, or there was none
    base_unknown = 1,  ///< a delta against a table that the home agent does not have: send it whole
    too_large = 2,     ///< beyond the home agent's limits: not before the table changes
    wrong = 3,         ///< complete, but not what the generation's digest says
};

/// Which pieces the home agent has.
struct Progress {
    static constexpr std::size_t kMaxBitmapBytes = 64;  ///< so at most 512 pieces are in flight

    std::uint32_t transfer = 0;
    std::uint16_t assembly = 0;       ///< changes when the home agent began anew and forgot what it had
    std::uint16_t serial = 0;         ///< of the piece that came last: a repetition is told from the first one
    std::uint16_t first_missing = 0;  ///< all pieces before it are held; equal to the count when it has them all
    /// Bit i, from the most significant of the first byte: piece first_missing + 1 + i is held.
    wire::Bytes bitmap;

    bool holds(std::uint32_t index) const noexcept;
};

/// What a reply says: the table in force for the node at the home agent (version 0 and a zero digest: none), and how
/// far the transfer of the next one is.
struct SyncReply {
    Generation in_force;
    Answer answer = Answer::held;
    std::optional<Progress> progress;  ///< also names the transfer that was refused
};

wire::Bytes encode(const SyncReply& reply);
std::optional<SyncReply> decode_sync_reply(wire::ByteView payload);

}  // namespace homeward::policy
