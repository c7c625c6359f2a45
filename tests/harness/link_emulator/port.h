#pragma once

#include <sys/socket.h>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

namespace harness::link {

/// Since the start of CLOCK_MONOTONIC.
std::chrono::nanoseconds now() noexcept;

/// A packet socket on an Ethernet interface: takes every frame that the other end of its cable sends, puts frames on
/// it. An interface that goes down delivers nothing and takes nothing until it is up again.
class Port {
  public:
    static constexpr std::size_t kLongestFrame = 9300;

    /// Throws std::system_error with the interface's name.
    explicit Port(const std::string& device);
    ~Port();
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;

    int file() const noexcept { return socket_; }

    /// Gives all that has arrived to `take(when the kernel had it, frame)`, times never decreasing. A frame longer than
    /// kLongestFrame was not cut into segments by its sender: it is left out and counted.
    void receive(const std::function<void(std::chrono::nanoseconds, std::span<const std::byte>)>& take);
    /// False: the interface is down, or its queue full.
    bool send(std::span<const std::byte> frame) noexcept;

    std::uint64_t oversized() const noexcept { return oversized_; }
    /// Frames that the kernel had no room for: then the emulator was too slow, and its results are worth nothing.
    std::uint64_t overrun() noexcept;

  private:
    static constexpr unsigned kBatch = 32;
    std::chrono::nanoseconds arrival(msghdr& message, std::chrono::nanoseconds ahead) noexcept;

    int socket_;
    std::uint64_t oversized_ = 0, overrun_ = 0;
    std::chrono::nanoseconds last_arrival_{};
    std::vector<std::byte> frames_;
    std::array<std::array<std::byte, 64>, kBatch> control_{};
    std::array<iovec, kBatch> parts_{};
    std::array<mmsghdr, kBatch> messages_{};
};

}  // namespace harness::link
