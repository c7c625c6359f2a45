#include "policy/sync_sender.h"

#include <algorithm>
#include <utility>

#include "policy/delta.h"

namespace homeward::policy {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// How many earlier tables are kept as bases: the home agent may be a few reloads behind.
constexpr std::size_t kTablesKept = 4;
constexpr std::uint64_t kReordering = 3;  // transmissions, as TCP's duplicate acknowledgements
constexpr double kFirstWindow = 16;
constexpr double kMinWindow = 2;
/// What a reply's bitmap can speak of.
constexpr std::size_t kReach = Progress::kMaxBitmapBytes * 8;
constexpr double kMaxWindow = kReach;
constexpr Time kFirstTimeout = seconds{1};
constexpr Time kMinTimeout = milliseconds{200};
constexpr Time kMaxTimeout = seconds{8};
constexpr Time kMaxRetryDelay = seconds{60};

std::uint32_t name_of(const wire::Bytes& bytes) {
    const Digest sum = digest(bytes);
    return std::uint32_t{sum[0]} << 24U | std::uint32_t{sum[1]} << 16U | std::uint32_t{sum[2]} << 8U | sum[3];
}

}  // namespace

void SyncSender::set(std::shared_ptr<const Policy> policy, Generation generation) {
    generation_ = generation;
    transfer_.reset();
    whole_only_ = false;
    refused_ = false;
    attempts_ = 0;
    not_before_ = Time{};
    std::erase_if(tables_, [&](const Table& held) { return held.digest == generation.digest; });
    tables_.push_front({std::move(policy), generation.digest});
    if (tables_.size() > kTablesKept) {
        tables_.pop_back();
    }
}

bool SyncSender::synchronised() const {
    return !tables_.empty() && peer_ == generation_;
}

bool SyncSender::wants_transfer() const {
    return !tables_.empty() && !synchronised() && !refused_ && !transfer_;
}

bool SyncSender::all_held() const {
    return transfer_ && transfer_->held == transfer_->pieces.size();
}

bool SyncSender::window_open() const {
    return static_cast<double>(transfer_->in_flight.size()) < window_ &&
           (!transfer_->lost.empty() ||
            // A reply does not see further, and what it does not see would count as lost.
            transfer_->fresh < std::min<std::size_t>(transfer_->pieces.size(), transfer_->first_missing + kReach));
}

/// When silence means loss: after the oldest piece in flight, or after all are held and nothing is in force.
Time SyncSender::timeout_at() const {
    const Time estimate = round_trip_ ? *round_trip_ + 4 * variation_ : kFirstTimeout;
    const Time patience = std::clamp(estimate, kMinTimeout, kMaxTimeout) * (1U << std::min(timeouts_, 5U));
    const Time oldest = transfer_->in_flight.empty() ? Time{} : transfer_->pieces[transfer_->in_flight.front()].sent_at;
    const Time since = std::max(oldest, transfer_->last_event);  // any answer shows that the path is alive
    return since + std::min(patience, kMaxTimeout);
}

bool SyncSender::due(Time now) const {
    if (!transfer_) {
        return peer_ && wants_transfer() && now >= not_before_;
    }
    return window_open() || now >= timeout_at();
}

std::optional<Time> SyncSender::next_deadline() const {
    if (transfer_) {
        return timeout_at();
    }
    return peer_ && wants_transfer() ? std::optional{not_before_} : std::nullopt;
}

std::pair<std::uint32_t, std::uint32_t> SyncSender::progress() const {
    return transfer_ ? std::pair{transfer_->held, static_cast<std::uint32_t>(transfer_->pieces.size())}
                     : std::pair<std::uint32_t, std::uint32_t>{0, 0};
}

wire::Bytes SyncSender::state() const {
    return encode(SyncRequest{generation_, std::nullopt});
}

wire::Bytes SyncSender::request(std::size_t capacity, Time now) {
    if (transfer_ && transfer_->chunk_size + kSyncChunkOverhead > capacity) {
        transfer_.reset();  // messages became smaller: cut it anew
    }
    if (wants_transfer() && now >= not_before_) {
        plan(capacity, now);
    }
    if (transfer_ && now >= timeout_at()) {
        time_out(now);
    }
    SyncRequest request{generation_, std::nullopt};
    if (transfer_ && window_open()) {
        request.chunk = next_piece(now);
    }
    wire::Bytes bytes = encode(request);
    counters_.bytes += bytes.size();
    return bytes;
}

/// Chooses how the home agent gets the table. While it has not yet said what it has, only what fits this one message.
void SyncSender::plan(std::size_t capacity, Time now) {
    if (capacity <= kSyncChunkOverhead) {
        return;
    }
    const std::size_t chunk_size = std::min<std::size_t>(capacity - kSyncChunkOverhead, 0xffff);
    if (peer_ && peer_->digest == generation_.digest) {
        begin(TransferKind::full, {}, chunk_size, now);  // only the version differs: the state says it all
        return;
    }
    const Policy& target = *tables_.front().policy;
    const auto base = std::find_if(tables_.begin() + 1, tables_.end(),
                                   [&](const Table& held) { return peer_ && held.digest == peer_->digest; });
    wire::Bytes whole = encode(target);
    if (base != tables_.end() && !whole_only_) {
        wire::Bytes delta = make_delta(*base->policy, base->digest, target);
        if (delta.size() < whole.size()) {
            begin(TransferKind::delta, std::move(delta), chunk_size, now);
            return;
        }
    }
    if (peer_ || whole.size() <= chunk_size) {
        begin(TransferKind::full, std::move(whole), chunk_size, now);
    }
}

void SyncSender::begin(TransferKind kind, wire::Bytes bytes, std::size_t chunk_size, Time now) {
    const std::size_t count = (bytes.size() + chunk_size - 1) / chunk_size;
    if (count > 0xffff) {
        refused_ = true;  // beyond what any limit allows
        return;
    }
    Transfer transfer;
    transfer.kind = kind;
    transfer.name = name_of(bytes);
    transfer.chunk_size = static_cast<std::uint16_t>(chunk_size);
    transfer.bytes = std::move(bytes);
    transfer.pieces.resize(count);
    transfer.last_event = now;
    transfer_ = std::move(transfer);
    window_ = std::max(window_, kFirstWindow);
    timeouts_ = 0;
    ++counters_.transfers;
    counters_.deltas += kind == TransferKind::delta ? 1 : 0;
}

std::optional<Chunk> SyncSender::next_piece(Time now) {
    Transfer& transfer = *transfer_;
    std::uint32_t index = transfer.fresh;
    if (!transfer.lost.empty()) {
        index = transfer.lost.front();
        transfer.lost.pop_front();
        ++counters_.repeated;
    } else {
        ++transfer.fresh;
    }
    Piece& piece = transfer.pieces[index];
    piece.in_flight = true;
    piece.sequence = ++sequence_;
    piece.sent_at = now;
    transfer.in_flight.push_back(index);
    ++counters_.chunks;
    const std::size_t offset = std::size_t{index} * transfer.chunk_size;
    const std::size_t size = std::min<std::size_t>(transfer.chunk_size, transfer.bytes.size() - offset);
    return Chunk{transfer.kind,
                 transfer.name,
                 static_cast<std::uint32_t>(transfer.bytes.size()),
                 transfer.chunk_size,
                 static_cast<std::uint16_t>(index),
                 static_cast<std::uint16_t>(sequence_),
                 wire::ByteView{transfer.bytes}.subspan(offset, size)};
}

/// Nothing was answered for long: everything in flight counts as lost, and the window starts small.
void SyncSender::time_out(Time now) {
    Transfer& transfer = *transfer_;
    transfer.last_event = now;
    ++timeouts_;
    if (transfer.in_flight.empty()) {
        return;  // all are held; this request asks what became of them
    }
    for (const std::uint32_t index : transfer.in_flight) {
        transfer.pieces[index].in_flight = false;
        transfer.lost.push_back(index);
    }
    transfer.in_flight.clear();
    threshold_ = std::max(window_ / 2, kMinWindow);
    window_ = kMinWindow;
    recovered_at_ = sequence_;
}

bool SyncSender::reply(wire::ByteView payload, Time now) {
    const auto reply = decode_sync_reply(payload);
    if (!reply) {
        ++counters_.replies_malformed;
        return false;
    }
    peer_ = reply->in_force;
    if (synchronised()) {
        transfer_.reset();
        attempts_ = 0;
        return true;
    }
    if (!transfer_) {
        return true;
    }
    timeouts_ = 0;
    if (!reply->progress || reply->progress->transfer != transfer_->name) {
        // A reply to a request without a piece says nothing about a transfer that has not begun there. One that comes
        // when all pieces were held says that they are gone.
        if (all_held()) {
            retry_later(now);
        }
        return true;
    }
    if (reply->answer == Answer::held) {
        take_progress(*reply->progress, now);
    } else {
        take_refusal(reply->answer, now);
    }
    return true;
}

void SyncSender::take_refusal(Answer answer, Time now) {
    const bool delta = transfer_->kind == TransferKind::delta;
    if (answer == Answer::too_large) {
        transfer_.reset();
        refused_ = true;
    } else if (delta) {
        transfer_.reset();
        whole_only_ = true;
    } else {
        retry_later(now);
    }
}

/// The whole table arrived and was not applied: again, but less and less often.
void SyncSender::retry_later(Time now) {
    transfer_.reset();
    not_before_ = now + std::min(Time{seconds{1}} * (1U << std::min(attempts_++, 6U)), kMaxRetryDelay);
}

void SyncSender::take_progress(const Progress& progress, Time now) {
    Transfer& transfer = *transfer_;
    if (transfer.assembly && *transfer.assembly != progress.assembly) {
        forget_held();
    }
    transfer.assembly = progress.assembly;
    transfer.first_missing = progress.first_missing;
    transfer.last_event = now;
    take_serial(progress.serial, now);
    std::erase_if(transfer.in_flight, [&](std::uint32_t index) {
        if (progress.holds(index)) {
            mark_held(index);
        }
        return !transfer.pieces[index].in_flight;
    });
    std::erase_if(transfer.lost, [&](std::uint32_t index) {  // it was only late
        if (progress.holds(index)) {
            mark_held(index);
        }
        return transfer.pieces[index].held;
    });
    // Pieces that an earlier run of this node brought over need not be sent.
    while (transfer.fresh < transfer.pieces.size() && progress.holds(transfer.fresh)) {
        transfer.pieces[transfer.fresh++].held = true;
        ++transfer.held;
    }
    find_losses();
}

/// Which transmission this reply answers: tells a repetition from the first one, so that neither the round trip nor
/// what counts as overtaken is guessed.
void SyncSender::take_serial(std::uint16_t serial, Time now) {
    const std::uint64_t age = static_cast<std::uint16_t>(sequence_ - serial);
    if (age >= sequence_) {
        return;  // not ours: sent before a restart
    }
    const std::uint64_t sequence = sequence_ - age;
    highest_answered_ = std::max(highest_answered_, sequence);
    const auto sent = std::find_if(transfer_->in_flight.begin(), transfer_->in_flight.end(),
                                   [&](std::uint32_t index) { return transfer_->pieces[index].sequence == sequence; });
    if (sent == transfer_->in_flight.end()) {
        return;
    }
    const Time sample = now - transfer_->pieces[*sent].sent_at;
    if (!round_trip_) {
        round_trip_ = sample;
        variation_ = sample / 2;
        return;
    }
    const Time difference = sample > *round_trip_ ? sample - *round_trip_ : *round_trip_ - sample;
    variation_ += (difference - variation_) / 4;
    *round_trip_ += (sample - *round_trip_) / 8;
}

void SyncSender::mark_held(std::uint32_t index) {
    Piece& piece = transfer_->pieces[index];
    piece.in_flight = false;
    piece.held = true;
    ++transfer_->held;
    window_ = std::min(window_ + (window_ < threshold_ ? 1 : 1 / window_), kMaxWindow);
}

void SyncSender::find_losses() {
    Transfer& transfer = *transfer_;
    bool lost = false;
    std::erase_if(transfer.in_flight, [&](std::uint32_t index) {
        Piece& piece = transfer.pieces[index];
        if (piece.sequence + kReordering > highest_answered_) {
            return false;
        }
        piece.in_flight = false;
        transfer.lost.push_back(index);
        lost = lost || piece.sequence > recovered_at_;
        return true;
    });
    if (lost) {
        window_ = std::max(window_ / 2, kMinWindow);
        threshold_ = window_;
        recovered_at_ = sequence_;
    }
}

/// The home agent began anew: what it held is to be sent again.
void SyncSender::forget_held() {
    Transfer& transfer = *transfer_;
    for (std::uint32_t index = 0; index < transfer.fresh; ++index) {
        Piece& piece = transfer.pieces[index];
        if (piece.held) {
            piece.held = false;
            transfer.lost.push_back(index);
        }
    }
    transfer.held = 0;
    transfer.first_missing = 0;
}

}  // namespace homeward::policy
