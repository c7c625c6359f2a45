#include "policy/sync_message.h"

#include <algorithm>
#include <cstring>

namespace homeward::policy {
namespace {

constexpr std::uint8_t kFormat = 1;

void write_generation(wire::Writer& out, const Generation& generation) {
    out.u32(generation.version);
    out.bytes(generation.digest);
}

Generation read_generation(wire::Reader& in) {
    Generation generation;
    generation.version = in.u32();
    const wire::ByteView digest = in.bytes(generation.digest.size());
    if (!digest.empty()) {
        std::memcpy(generation.digest.data(), digest.data(), digest.size());
    }
    return generation;
}

/// Reads the rest of a request as a chunk whose fields agree with one another.
std::optional<Chunk> read_chunk(wire::Reader& in) {
    const std::uint8_t kind = in.u8();
    if (kind != static_cast<std::uint8_t>(TransferKind::full) &&
        kind != static_cast<std::uint8_t>(TransferKind::delta)) {
        return std::nullopt;
    }
    Chunk chunk;
    chunk.kind = static_cast<TransferKind>(kind);
    chunk.transfer = in.u32();
    chunk.total = in.u32();
    chunk.chunk_size = in.u16();
    chunk.index = in.u16();
    chunk.serial = in.u16();
    chunk.data = in.bytes(in.remaining());
    if (in.failed() || chunk.chunk_size == 0 || chunk.total == 0 ||
        chunk.total > std::uint32_t{chunk.chunk_size} * 0xffffU || chunk.index >= chunk.count()) {
        return std::nullopt;
    }
    const bool last = chunk.index + 1U == chunk.count();
    const std::uint32_t size = last ? chunk.total - std::uint32_t{chunk.index} * chunk.chunk_size : chunk.chunk_size;
    return chunk.data.size() == size ? std::optional{chunk} : std::nullopt;
}

}  // namespace

bool Progress::holds(std::uint32_t index) const noexcept {
    if (index <= first_missing) {
        return index < first_missing;
    }
    const std::size_t bit = index - first_missing - 1U;
    return bit / 8 < bitmap.size() && (bitmap[bit / 8] & 0x80U >> bit % 8) != 0;
}

wire::Bytes encode(const SyncRequest& request) {
    wire::Bytes bytes;
    wire::Writer out{bytes};
    out.u8(kFormat);
    write_generation(out, request.generation);
    if (request.chunk) {
        const Chunk& chunk = *request.chunk;
        out.u8(static_cast<std::uint8_t>(chunk.kind));
        out.u32(chunk.transfer);
        out.u32(chunk.total);
        out.u16(chunk.chunk_size);
        out.u16(chunk.index);
        out.u16(chunk.serial);
        out.bytes(chunk.data);
    }
    return bytes;
}

std::optional<SyncRequest> decode_sync_request(wire::ByteView payload) {
    wire::Reader in{payload};
    if (in.u8() != kFormat) {
        return std::nullopt;
    }
    SyncRequest request{read_generation(in), std::nullopt};
    if (in.failed()) {
        return std::nullopt;
    }
    if (!in.at_end()) {
        request.chunk = read_chunk(in);
        if (!request.chunk) {
            return std::nullopt;
        }
    }
    return request;
}

wire::Bytes encode(const SyncReply& reply) {
    wire::Bytes bytes;
    wire::Writer out{bytes};
    out.u8(kFormat);
    out.u8(static_cast<std::uint8_t>(reply.answer));
    write_generation(out, reply.in_force);
    if (reply.progress) {
        out.u32(reply.progress->transfer);
        out.u16(reply.progress->assembly);
        out.u16(reply.progress->serial);
        out.u16(reply.progress->first_missing);
        out.bytes(reply.progress->bitmap);
    }
    return bytes;
}

std::optional<SyncReply> decode_sync_reply(wire::ByteView payload) {
    wire::Reader in{payload};
    const std::uint8_t format = in.u8();
    const std::uint8_t answer = in.u8();
    if (format != kFormat || answer > static_cast<std::uint8_t>(Answer::wrong)) {
        return std::nullopt;
    }
    SyncReply reply{read_generation(in), static_cast<Answer>(answer), std::nullopt};
    if (!in.failed() && !in.at_end()) {
        Progress& progress = reply.progress.emplace();
        progress.transfer = in.u32();
        progress.assembly = in.u16();
        progress.serial = in.u16();
        progress.first_missing = in.u16();
        const wire::ByteView bitmap = in.bytes(std::min(in.remaining(), Progress::kMaxBitmapBytes));
        progress.bitmap.assign(bitmap.begin(), bitmap.end());
    }
    const bool refused = reply.answer != Answer::held;
    return in.failed() || !in.at_end() || (refused && !reply.progress) ? std::nullopt : std::optional{reply};
}

}  // namespace homeward::policy
