#pragma once

#include <rte_mempool.h>
#include <rte_ring.h>

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <vector>

#include "mailbox/apply.h"
#include "tables/shared.h"

namespace homeward {

/// Sends gratuitous ARP, the first at once and repetitions a second apart, into the ports' hand-over rings. A newer
/// announcement for the same address ends the repetitions of an older one: the node has gone, or come home.
class Announcer {
  public:
    Announcer(asio::io_context& loop, std::vector<tables::MacAddress> port_macs, std::vector<rte_ring*> rings,
              rte_mempool* pool);

    void announce(const std::vector<mailbox::Announcement>& announcements);

  private:
    void send(const mailbox::Announcement& announcement);
    void wait();
    void repeat();

    asio::steady_timer timer_;
    std::vector<tables::MacAddress> port_macs_;  ///< by port id
    std::vector<rte_ring*> rings_;               ///< by port id
    rte_mempool* pool_;
    std::vector<mailbox::Announcement> pending_;  ///< `repeat` is what remains
    bool waiting_ = false;
};

}  // namespace homeward
