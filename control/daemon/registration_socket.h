#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#define ASIO_STANDALONE
#include <asio.hpp>

#include "registration/actions.h"
#include "result/result.h"

namespace homeward::daemon {

/// UDP port 434 of one address of ours.
class RegistrationSocket {
  public:
    using Take = std::function<void(const registration::Datagram&)>;

    /// `broadcast`: `address` is a broadcast address that we listen to.
    RegistrationSocket(asio::io_context& loop, wire::Ipv4Address address, bool broadcast, bool accept_zero_checksum);

    /// The error of a missing address is "Cannot assign requested address": try again later.
    Status open();
    void start(Take take);
    void send(const registration::Reply& reply);
    void close();

    std::uint64_t send_failures() const noexcept { return send_failures_; }

  private:
    void wait();
    void drain();

    asio::posix::stream_descriptor descriptor_;
    wire::Ipv4Address address_;
    bool broadcast_;
    bool accept_zero_checksum_;
    Take take_;
    std::uint64_t send_failures_ = 0;
};

}  // namespace homeward::daemon
