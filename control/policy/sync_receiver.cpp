#include "policy/sync_receiver.h"

#include <algorithm>
#include <utility>

#include "policy/delta.h"
#include "policy/rule_code.h"

namespace homeward::policy {
namespace {

/// Tells this assembly from the one before; the node only looks whether it changed.
std::uint16_t number_of(Time now) {
    return static_cast<std::uint16_t>(std::chrono::duration_cast<std::chrono::milliseconds>(now).count());
}

wire::Bytes bitmap_of(const std::vector<bool>& held, std::size_t first, std::size_t max_bytes) {
    wire::Bytes bitmap;
    for (std::size_t bit = 0; first + bit < held.size() && bit / 8 < max_bytes; ++bit) {
        if (held[first + bit]) {
            bitmap.resize(bit / 8 + 1);
            bitmap[bit / 8] = static_cast<std::uint8_t>(bitmap[bit / 8] | 0x80U >> bit % 8);
        }
    }
    return bitmap;
}

}  // namespace

void SyncReceiver::in_force(const Generation& generation, SharedTable encoded) {
    in_force_ = generation;
    base_ = std::move(encoded);
    delivered_.reset();
}

void SyncReceiver::not_applied() {
    delivered_.reset();
    last_.reset();
}

void SyncReceiver::nothing_in_force() {
    in_force_.reset();
    base_.reset();
    delivered_.reset();
    assembly_.reset();
    last_.reset();
}

bool SyncReceiver::settled(const Generation& generation) const {
    return in_force_ == generation || delivered_ == generation;
}

SyncReceiver::Outcome SyncReceiver::request(wire::ByteView payload, Time now, const SyncLimits& limits,
                                            const Find& find) {
    const auto request = decode_sync_request(payload);
    if (!request) {
        return {Verdict::malformed, std::nullopt};
    }
    answer_ = Answer::held;
    node_table_ = request->generation;
    if (assembly_ && assembly_->target != request->generation) {
        assembly_.reset();  // the node has a newer table
    }
    if (settled(request->generation)) {
        return {};
    }
    if (in_force_ && base_ && in_force_->digest == request->generation.digest) {
        return adopt(request->generation, base_, limits);  // the same table under another version
    }
    if (const SharedTable known = find ? find(request->generation.digest) : nullptr) {
        if (auto outcome = adopt(request->generation, known, limits); outcome.table) {
            return outcome;
        }
    }
    return request->chunk ? take_piece(*request, now, limits) : Outcome{};
}

SyncReceiver::Outcome SyncReceiver::adopt(const Generation& generation, const SharedTable& table,
                                          const SyncLimits& limits) {
    auto policy = decode(*table);
    if (!policy || policy->rules.size() > limits.max_rules) {
        return {};
    }
    assembly_.reset();
    last_.reset();
    delivered_ = generation;
    return {Verdict::complete, Table{generation, *std::move(policy), table}};
}

SyncReceiver::Outcome SyncReceiver::take_piece(const SyncRequest& request, Time now, const SyncLimits& limits) {
    const Chunk& chunk = *request.chunk;
    if (!assembly_ || !same_transfer(assembly_->head, chunk)) {
        if (chunk.total > limits.max_bytes) {
            return refuse(Answer::too_large, chunk);
        }
        if (!begin(request, now)) {
            return refuse(Answer::base_unknown, chunk);
        }
    }
    Assembly& assembly = *assembly_;
    assembly.last_piece = now;
    assembly.serial = chunk.serial;
    if (assembly.held[chunk.index]) {
        return {};
    }
    const std::size_t offset = std::size_t{chunk.index} * chunk.chunk_size;
    std::copy(chunk.data.begin(), chunk.data.end(), assembly.bytes.begin() + static_cast<std::ptrdiff_t>(offset));
    assembly.held[chunk.index] = true;
    while (assembly.first_missing < assembly.held.size() && assembly.held[assembly.first_missing]) {
        ++assembly.first_missing;
    }
    return --assembly.missing == 0 ? finish(limits) : Outcome{Verdict::piece, std::nullopt};
}

/// False: a delta against a table that we do not have, as far as its first piece tells.
bool SyncReceiver::begin(const SyncRequest& request, Time now) {
    const Chunk& chunk = *request.chunk;
    if (chunk.kind == TransferKind::delta) {
        const auto base = chunk.index == 0 ? base_of(chunk.data) : std::nullopt;
        if (!base_ || !in_force_ || (base && *base != in_force_->digest)) {
            return false;
        }
    }
    Assembly assembly;
    assembly.head = chunk;
    assembly.head.data = {};
    assembly.target = request.generation;
    assembly.bytes.resize(chunk.total);
    assembly.held.resize(chunk.count());
    assembly.missing = chunk.count();
    assembly.number = number_of(now);
    assembly_ = std::move(assembly);
    return true;
}

SyncReceiver::Outcome SyncReceiver::finish(const SyncLimits& limits) {
    const Assembly assembly = *std::exchange(assembly_, std::nullopt);
    Result<Policy> policy = Error{};
    if (assembly.head.kind == TransferKind::delta) {
        const auto base = base_of(assembly.bytes);
        if (!base_ || !in_force_ || !base || *base != in_force_->digest) {
            return refuse(Answer::base_unknown, assembly.head);
        }
        const auto rules = decode(*base_);
        policy = rules ? apply_delta(assembly.bytes, *rules, limits.max_rules) : Result<Policy>{rules.error()};
    } else {
        policy = decode(assembly.bytes);
    }
    if (policy && policy->rules.size() > limits.max_rules) {
        return refuse(Answer::too_large, assembly.head);
    }
    auto encoded = std::make_shared<const wire::Bytes>(policy ? encode(*policy) : wire::Bytes{});
    if (!policy || digest(*encoded) != assembly.target.digest) {
        return refuse(Answer::wrong, assembly.head);
    }
    last_ = Progress{assembly.head.transfer,
                     assembly.number,
                     assembly.serial,
                     static_cast<std::uint16_t>(assembly.head.count()),
                     {}};
    delivered_ = assembly.target;
    return {Verdict::complete, Table{assembly.target, *std::move(policy), std::move(encoded)}};
}

SyncReceiver::Outcome SyncReceiver::refuse(Answer answer, const Chunk& chunk) {
    answer_ = answer;
    last_ = Progress{chunk.transfer, 0, chunk.serial, 0, {}};
    return {Verdict::refused, std::nullopt};
}

wire::Bytes SyncReceiver::reply(std::size_t capacity) const {
    SyncReply reply{in_force_.value_or(Generation{}), answer_, std::nullopt};
    if (assembly_) {
        const std::size_t room = std::min(capacity - std::min(capacity, kMinReply), Progress::kMaxBitmapBytes);
        reply.progress = Progress{assembly_->head.transfer, assembly_->number, assembly_->serial,
                                  static_cast<std::uint16_t>(assembly_->first_missing),
                                  bitmap_of(assembly_->held, assembly_->first_missing + 1U, room)};
    } else if (delivered_ || answer_ != Answer::held) {
        reply.progress = last_;
    }
    return encode(reply);
}

bool SyncReceiver::expire(Time now, const SyncLimits& limits) {
    if (!assembly_ || now - assembly_->last_piece < limits.timeout) {
        return false;
    }
    assembly_.reset();
    return true;
}

}  // namespace homeward::policy
