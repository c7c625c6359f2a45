#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "descriptor/unique_fd.h"
#include "result/result.h"

namespace homeward::tunnel {

/// `homeward0`: a multi-queue L3 TUN. It is not persistent, so that the kernel removes it, its address and its routes
/// when the agent is gone, however it went.
class TunDevice {
  public:
    /// What the kernel leaves to us, and we to it. Each packet is preceded by an OffloadHeader in any case.
    enum class Offload : std::uint8_t {
        none,     ///< whole packets with finished checksums
        tcp,      ///< checksums, TCP segmentation
        tcp_udp,  ///< UDP segmentation, too (Linux 6.2)
    };

    /// Makes the device with so many queues; the error names the device and what is missing. With `offload` it takes
    /// all that this kernel has.
    static Result<TunDevice> create(const std::string& name, unsigned queues, bool offload);
    Offload offload() const noexcept { return offload_; }

    const std::string& name() const noexcept { return name_; }
    unsigned queues() const noexcept { return static_cast<unsigned>(queues_.size()); }
    int queue(unsigned index) const noexcept { return queues_[index].get(); }

  private:
    std::string name_;
    std::vector<UniqueFd> queues_;
    Offload offload_ = Offload::none;
};

}  // namespace homeward::tunnel
