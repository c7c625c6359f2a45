#include "replay.h"

#include <algorithm>

#include "packet.h"

namespace homeward::publish {
namespace {

constexpr std::size_t kChunkBytes = ipc::kMaxMessage - sizeof(ipc::Header) - sizeof(ipc::PolicyChunk);
constexpr std::size_t kBindingsPerPacket = (ipc::kMaxMessage - sizeof(ipc::Header)) / sizeof(ipc::Binding);

}  // namespace

wire::Bytes PolicyChunks::next(std::uint64_t sequence) {
    const std::size_t size = std::min(kChunkBytes, bytes_->size() - offset_);
    Packet packet(ipc::Type::policy_chunk);
    packet.add(ipc::PolicyChunk{number_, static_cast<std::uint32_t>(bytes_->size()),
                                static_cast<std::uint32_t>(offset_), static_cast<std::uint32_t>(size)});
    packet.add_bytes(wire::ByteView{*bytes_}.subspan(offset_, size));
    offset_ += size;
    return packet.finish(sequence);
}

wire::Bytes Replay::next(std::uint64_t sequence) {
    wire::Bytes packet;
    while (packet.empty() && stage_ != Stage::done) {
        switch (stage_) {
            case Stage::begin:
                packet = Packet(ipc::Type::sync_begin).finish(sequence);
                stage_ = Stage::settings;
                break;
            case Stage::settings: {
                Packet settings(ipc::Type::settings);
                settings.add(source_.settings());
                packet = settings.finish(sequence);
                stage_ = Stage::networks;
                break;
            }
            case Stage::networks:
                packet = networks(sequence);
                stage_ = Stage::policies;
                break;
            case Stage::policies:
                packet = next_policy(sequence);
                break;
            case Stage::bindings:
                packet = next_bindings(sequence);
                break;
            case Stage::end:
                packet = Packet(ipc::Type::sync_end).finish(sequence);
                stage_ = Stage::done;
                break;
            case Stage::done:
                break;
        }
    }
    return packet;
}

wire::Bytes Replay::networks(std::uint64_t sequence) {
    const std::vector<ipc::HomeNetwork> all = source_.home_networks();
    Packet packet(ipc::Type::home_network);
    for (const ipc::HomeNetwork& network : all) {
        packet.add(network);
    }
    return all.empty() ? wire::Bytes{} : packet.finish(sequence);
}

wire::Bytes Replay::next_policy(std::uint64_t sequence) {
    if (!chunks_ || chunks_->done()) {
        const auto next = policies_.by_number().upper_bound(last_policy_);
        if (next == policies_.by_number().end()) {
            stage_ = Stage::bindings;
            return {};
        }
        last_policy_ = next->first;
        chunks_.emplace(last_policy_, policies_.find(last_policy_)->bytes);
    }
    return chunks_->next(sequence);
}

wire::Bytes Replay::next_bindings(std::uint64_t sequence) {
    const std::vector<ipc::Binding> some = source_.bindings_after(last_binding_, kBindingsPerPacket);
    if (some.empty()) {
        stage_ = Stage::end;
        return {};
    }
    Packet packet(ipc::Type::binding_put);
    for (const ipc::Binding& binding : some) {
        packet.add(binding);
    }
    last_binding_ = some.back().home_address;
    return packet.finish(sequence);
}

}  // namespace homeward::publish
