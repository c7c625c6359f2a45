#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "result/result.h"

namespace homeward::exception {

/// The TAP device that stands for one DPDK port in the kernel. It is persistent: addresses, routes and sockets on it
/// outlive this process. Only the exception thread reads and writes it.
class Twin {
  public:
    /// Attaches to the TAP `name`, which control or a set-up unit made; makes a persistent one when there is none.
    /// Brings MAC address and MTU in line with the port's, and sets it up. The error says what to do.
    static Result<Twin> attach(const std::string& name, const std::array<std::uint8_t, 6>& mac, std::uint16_t mtu);

    Twin(Twin&& other) noexcept;
    Twin& operator=(Twin&&) = delete;
    Twin(const Twin&) = delete;
    Twin& operator=(const Twin&) = delete;
    /// Detaches. The device stays, without carrier.
    ~Twin();

    /// Tells the kernel whether the port has link. Any thread.
    void set_carrier(bool up) const noexcept;

    int fd() const noexcept { return fd_; }
    const std::string& name() const noexcept { return name_; }
    unsigned interface() const noexcept { return interface_; }

  private:
    Twin(std::string name, int fd) : name_(std::move(name)), fd_(fd) {}
    Status adopt(const std::array<std::uint8_t, 6>& mac, std::uint16_t mtu);

    std::string name_;
    int fd_ = -1;
    unsigned interface_ = 0;
};

}  // namespace homeward::exception
