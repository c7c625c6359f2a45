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
    /// Makes the device with so many queues; the error names the device and what is missing.
    static Result<TunDevice> create(const std::string& name, unsigned queues);

    const std::string& name() const noexcept { return name_; }
    unsigned queues() const noexcept { return static_cast<unsigned>(queues_.size()); }
    int queue(unsigned index) const noexcept { return queues_[index].get(); }

  private:
    std::string name_;
    std::vector<UniqueFd> queues_;
};

}  // namespace homeward::tunnel
