#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "netlink/message.h"
#include "result/result.h"

struct mnl_socket;

namespace homeward::netlink {

using Visitor = std::function<void(const nlmsghdr&)>;

/// A request-and-answer rtnetlink socket. Answers are awaited: the kernel gives them before `send` returns.
class Socket {
  public:
    static Result<Socket> open();

    /// Sends and takes the acknowledgement. Returns 0 or the kernel's errno.
    int request(Message& message);
    /// Sends a dump request and shows every record. Returns 0 or errno; a dump that the kernel marks as
    /// interrupted is repeated by the caller's next resynchronisation.
    int dump(Message& message, const Visitor& visitor);

  private:
    struct Close {
        void operator()(mnl_socket* socket) const noexcept;
    };
    explicit Socket(mnl_socket* socket) : socket_(socket) {}
    int exchange(Message& message, const Visitor* visitor);

    std::unique_ptr<mnl_socket, Close> socket_;
    std::uint32_t sequence_ = 0;
};

}  // namespace homeward::netlink
