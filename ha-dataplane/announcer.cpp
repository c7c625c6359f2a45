#include "announcer.h"

#include <rte_mbuf.h>

#include <chrono>
#include <utility>

#include "pipeline/gratuitous_arp.h"

namespace homeward {

Announcer::Announcer(asio::io_context& loop, std::vector<tables::MacAddress> port_macs, std::vector<rte_ring*> rings,
                     rte_mempool* pool)
    : timer_(loop), port_macs_(std::move(port_macs)), rings_(std::move(rings)), pool_(pool) {}

void Announcer::announce(const std::vector<mailbox::Announcement>& announcements) {
    for (const mailbox::Announcement& announcement : announcements) {
        std::erase_if(pending_, [&](const mailbox::Announcement& held) {
            return held.home_address == announcement.home_address;
        });
        send(announcement);
        if (announcement.repeat > 1) {
            pending_.push_back(announcement);
            --pending_.back().repeat;
        }
    }
    wait();
}

void Announcer::send(const mailbox::Announcement& announcement) {
    if (announcement.port >= rings_.size()) {
        return;
    }
    rte_mbuf* frame =
        pipeline::gratuitous_arp(pool_, port_macs_[announcement.port], announcement.mac, announcement.home_address);
    if (frame != nullptr && rte_ring_enqueue(rings_[announcement.port], frame) != 0) {
        rte_pktmbuf_free(frame);
    }
}

void Announcer::wait() {
    if (waiting_ || pending_.empty()) {
        return;
    }
    waiting_ = true;
    timer_.expires_after(std::chrono::seconds{1});
    timer_.async_wait([this](const asio::error_code& error) {
        waiting_ = false;
        if (!error) {
            repeat();
        }
    });
}

void Announcer::repeat() {
    for (mailbox::Announcement& announcement : pending_) {
        send(announcement);
        --announcement.repeat;
    }
    std::erase_if(pending_, [](const mailbox::Announcement& held) { return held.repeat == 0; });
    wait();
}

}  // namespace homeward
