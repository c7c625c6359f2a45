#include "pipeline/resend.h"

namespace homeward::pipeline {

Resend::Resend(std::uint64_t lifetime) noexcept : lifetime_(lifetime) {
    for (unsigned place = 0; place < kMost; ++place) {
        entries_[place].next = place + 1 < kMost ? static_cast<std::uint16_t>(place + 1) : kNone;
    }
}

Resend::~Resend() {
    while (oldest_ != kNone) {
        forget(oldest_);
    }
}

/// Of its list it is the oldest: whoever is asked to go is.
void Resend::forget(std::uint16_t place) noexcept {
    Entry& entry = entries_[place];
    rte_pktmbuf_free(entry.sent.payload);
    (entry.older != kNone ? entries_[entry.older].newer : oldest_) = entry.newer;
    (entry.newer != kNone ? entries_[entry.newer].older : newest_) = entry.older;
    List& list = lists_[entry.list];
    list.first = entry.next;
    list.last = list.first == kNone ? kNone : list.last;
    --list.count;
    entry.next = free_;
    free_ = place;
}

void Resend::keep(std::uint32_t node, const Sent& sent) noexcept {
    List& list = lists_[node % kLists];
    if (list.count == kPerNode) {
        forget(list.first);
    } else if (free_ == kNone) {
        forget(oldest_);
    }
    const std::uint16_t place = free_;
    Entry& entry = entries_[place];
    free_ = entry.next;
    entry = {.sent = sent, .older = newest_, .list = static_cast<std::uint16_t>(node % kLists)};
    (newest_ != kNone ? entries_[newest_].newer : oldest_) = place;
    newest_ = place;
    (list.last != kNone ? entries_[list.last].next : list.first) = place;
    list.last = place;
    ++list.count;
}

void Resend::expire(std::uint64_t now) noexcept {
    while (oldest_ != kNone && now - entries_[oldest_].sent.at > lifetime_) {
        forget(oldest_);
    }
}

}  // namespace homeward::pipeline
