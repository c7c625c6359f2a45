#pragma once

#include <cstdint>
#include <utility>

#include "descriptor/unique_fd.h"
#include "result/result.h"
#include "uplinks/link_model.h"

namespace homeward::uplinks {

/// Keeps a LinkModel true to the kernel by rtnetlink. When notifications were lost (ENOBUFS), everything is read
/// again. Routes of `own_protocol` are the agent's and not looked at.
///
///     kernel ──► fd() readable ──► read() ──► model() ──► caller compares attachments
class LinkWatch {
  public:
    static Result<LinkWatch> open(std::uint8_t own_protocol);

    int fd() const noexcept { return fd_.get(); }
    /// Takes all pending notifications. True when something was received that may have changed the model.
    bool read();
    const LinkModel& model() const noexcept { return model_; }

  private:
    LinkWatch(UniqueFd fd, std::uint8_t own_protocol) : fd_(std::move(fd)), own_protocol_(own_protocol) {}
    Status resynchronise();

    UniqueFd fd_;
    std::uint8_t own_protocol_;
    LinkModel model_;
};

}  // namespace homeward::uplinks
