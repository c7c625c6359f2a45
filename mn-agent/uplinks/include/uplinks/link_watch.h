#pragma once

#include <functional>
#include <memory>
#include <string>

#include "result/result.h"
#include "uplinks/link_model.h"

struct mnl_socket;
struct nlmsghdr;

namespace homeward::uplinks {

/// Keeps a LinkModel true to the kernel by rtnetlink. When notifications were lost (ENOBUFS), everything is read
/// again. Routes of `own_protocol` are the agent's and not looked at.
///
///     kernel ──► fd() readable ──► read() ──► model() ──► caller compares attachments
class LinkWatch {
  public:
    static Result<LinkWatch> open(std::uint8_t own_protocol);

    int fd() const noexcept;
    /// Takes all pending notifications. True when something was received that may have changed the model.
    bool read();
    const LinkModel& model() const noexcept { return model_; }

  private:
    struct Close {
        void operator()(mnl_socket* socket) const noexcept;
    };
    LinkWatch(mnl_socket* socket, std::uint8_t own_protocol) : socket_(socket), own_protocol_(own_protocol) {}
    Status resynchronise();
    void apply(const nlmsghdr& message);

    std::unique_ptr<mnl_socket, Close> socket_;
    std::uint8_t own_protocol_;
    LinkModel model_;
};

}  // namespace homeward::uplinks
