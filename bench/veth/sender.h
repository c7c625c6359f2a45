#pragma once

#include <linux/if_packet.h>
#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <string>

#include "sink.h"

namespace bench {

using Clock = std::chrono::steady_clock;

/// What is sent, and by which device of the current namespace.
struct Flow {
    std::string source, destination;                     ///< IPv4 addresses
    std::string device, next_hop = "00:00:00:00:00:00";  ///< next hop's MAC, where the device has such
    unsigned size = 64;                                  ///< bytes of an IPv4 packet, up to kLargestPacket
};

inline constexpr unsigned kLargestPacket = 1500;

/// Sends numbered UDP packets and keeps at most a window of them under way, as the sink tells it.
class Sender {
  public:
    static constexpr unsigned kBatch = 32;

    /// Throws std::system_error, or std::runtime_error for an address that is none.
    Sender(const Flow& flow, const Sink& sink, unsigned window);
    Sender(const Sender&) = delete;
    Sender& operator=(const Sender&) = delete;
    ~Sender();

    void run_until(Clock::time_point end);
    std::uint64_t sent() const noexcept { return sent_; }

  private:
    void notice_arrivals(Clock::time_point now);
    void send_batch();

    const Sink& sink_;
    unsigned window_;
    sockaddr_ll to_{};
    int socket_ = -1;
    std::array<std::array<std::uint8_t, kLargestPacket>, kBatch> packets_{};
    std::array<iovec, kBatch> parts_{};
    std::array<mmsghdr, kBatch> messages_{};
    /// Numbers of packets: the last one sent, the last one that is not under way any more, the highest that arrived.
    std::uint64_t sent_ = 0, settled_ = 0, highest_ = 0;
    Clock::time_point last_arrival_ = Clock::now();
};

}  // namespace bench
