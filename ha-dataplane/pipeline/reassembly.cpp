#include "pipeline/reassembly.h"

#include <rte_random.h>

#include <algorithm>
#include <bit>

namespace homeward::pipeline {

bool Span::read(const Ipv4Header& ip, Span& out) noexcept {
    const unsigned field = ip.fragment.host();
    const unsigned payload = ip.total_length.host() - ip.header_length();
    const unsigned begin = (field & Ipv4Header::kOffset) * 8;
    const unsigned end = begin + payload;
    out.more = (field & Ipv4Header::kMoreFragments) != 0;
    out.begin = static_cast<std::uint16_t>(begin);
    out.end = static_cast<std::uint16_t>(end);
    return payload != 0 && end <= kMaxPayload && (!out.more || payload % 8 == 0);
}

Datagram::Fit Datagram::add(rte_mbuf* frame, const Span& span) noexcept {
    unsigned at = count;
    while (at != 0 && pieces[at - 1].begin > span.begin) {
        --at;
    }
    const unsigned last_end = count == 0 ? 0 : pieces[count - 1].end;
    if (at != 0 && pieces[at - 1].begin == span.begin && pieces[at - 1].end == span.end &&
        span.more == (span.end != total)) {
        return Fit::duplicate;
    }
    const bool over_others =
        (at != 0 && pieces[at - 1].end > span.begin) || (at != count && span.end > pieces[at].begin);
    const bool over_end = span.more ? total != 0 && span.end >= total : total != 0 || span.end < last_end;
    if (over_others || over_end) {
        return Fit::overlap;
    }
    if (count == kPieces) {
        return Fit::too_many;
    }
    std::copy_backward(pieces.begin() + at, pieces.begin() + count, pieces.begin() + count + 1);
    pieces[at] = {frame, span.begin, span.end};
    ++count;
    held = static_cast<std::uint16_t>(held + span.end - span.begin);
    if (!span.more) {
        total = span.end;
    }
    return Fit::kept;
}

Reassembly::Reassembly(const Bounds& bounds, std::uint64_t tsc_hz)
    : secret_(rte_rand()),
      buckets_(std::bit_ceil(std::max(bounds.datagrams, kWays)) / kWays),
      max_buffers_(bounds.buffers),
      lifetime_(tsc_hz * bounds.timeout_ms / 1000),
      keys_(std::size_t{buckets_} * kWays),
      datagrams_(std::size_t{buckets_} * kWays) {}

std::uint32_t Reassembly::bucket(std::uint32_t source) const noexcept {
    std::uint64_t hash = (source ^ secret_) * 0x9e3779b97f4a7c15ULL;
    hash = (hash ^ hash >> 32) * 0xd6e8feb86659fd93ULL;
    return static_cast<std::uint32_t>(hash >> 32) & (buckets_ - 1);
}

Datagram* Reassembly::find(std::uint32_t source, std::uint16_t id) noexcept {
    const std::size_t first = std::size_t{bucket(source)} * kWays;
    for (std::size_t place = first; place < first + kWays; ++place) {
        if (keys_[place] == key(source, id)) {
            return &datagrams_[place];
        }
    }
    return nullptr;
}

Reassembly::Place Reassembly::place(std::uint32_t source, State state) noexcept {
    const std::size_t first = std::size_t{bucket(source)} * kWays;
    Datagram* oldest_other = nullptr;
    Datagram* oldest_ours = nullptr;
    for (std::size_t place = first; place < first + kWays; ++place) {
        if (keys_[place] == kFree) {
            return {.free = true};
        }
        Datagram*& oldest = datagrams_[place].verdict.state == State::ours ? oldest_ours : oldest_other;
        if (oldest == nullptr || datagrams_[place].since < oldest->since) {
            oldest = &datagrams_[place];
        }
    }
    return {.taken_by = oldest_other == nullptr && state == State::ours ? oldest_ours : oldest_other};
}

Datagram& Reassembly::open(std::uint32_t source, std::uint16_t id, const Datagram::Verdict& verdict,
                           std::uint64_t now) noexcept {
    std::size_t place = std::size_t{bucket(source)} * kWays;
    while (keys_[place] != kFree) {
        ++place;
    }
    keys_[place] = key(source, id);
    Datagram& datagram = datagrams_[place];
    datagram.source = source;
    datagram.id = id;
    datagram.verdict = verdict;
    datagram.ecn_seen = datagram.count = 0;
    datagram.held = datagram.total = 0;
    datagram.buffers = 0;
    datagram.since = now;
    append(datagram);
    ++used_;
    return datagram;
}

void Reassembly::move(Datagram& datagram, const Datagram::Verdict& verdict, std::uint64_t now) noexcept {
    unlink(datagram);
    datagram.verdict = verdict;
    datagram.since = now;
    append(datagram);
}

void Reassembly::count_buffers(Datagram& datagram, int change) noexcept {
    datagram.buffers += static_cast<std::uint32_t>(change);
    queue(datagram.verdict.state).buffers += static_cast<unsigned>(change);
}

void Reassembly::close(Datagram& datagram) noexcept {
    unlink(datagram);
    keys_[index(datagram)] = kFree;
    --used_;
}

bool Reassembly::has_room(State state, unsigned buffers) const noexcept {
    const unsigned unknown = queue(State::unknown).buffers;
    const bool within_share = state == State::ours || unknown + buffers <= max_buffers_ / 4;
    return within_share && unknown + queue(State::ours).buffers + buffers <= max_buffers_;
}

Datagram* Reassembly::oldest(State state) noexcept {
    const std::uint32_t place = queue(state).oldest;
    return place == kNone ? nullptr : &datagrams_[place];
}

Datagram* Reassembly::overdue(std::uint64_t now) noexcept {
    for (const Queue& queue : queues_) {
        if (queue.oldest != kNone && now - datagrams_[queue.oldest].since >= lifetime_) {
            return &datagrams_[queue.oldest];
        }
    }
    return nullptr;
}

void Reassembly::append(Datagram& datagram) noexcept {
    Queue& to = queue(datagram.verdict.state);
    datagram.older = to.newest;
    datagram.newer = kNone;
    (to.newest == kNone ? to.oldest : datagrams_[to.newest].newer) = index(datagram);
    to.newest = index(datagram);
    to.buffers += datagram.buffers;
}

void Reassembly::unlink(Datagram& datagram) noexcept {
    Queue& from = queue(datagram.verdict.state);
    (datagram.older == kNone ? from.oldest : datagrams_[datagram.older].newer) = datagram.newer;
    (datagram.newer == kNone ? from.newest : datagrams_[datagram.newer].older) = datagram.older;
    from.buffers -= datagram.buffers;
}

}  // namespace homeward::pipeline
