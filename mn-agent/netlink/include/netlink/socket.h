#pragma once

#include <cstdint>
#include <functional>

#include "descriptor/unique_fd.h"
#include "netlink/message.h"
#include "result/result.h"

namespace homeward::netlink {

using Visitor = std::function<void(const nlmsghdr&)>;

/// A bound netlink socket of a family (NETLINK_ROUTE, …) that hears `groups` (RTMGRP_…). `flags`: SOCK_NONBLOCK or 0.
Result<UniqueFd> open_netlink(int family, std::uint32_t groups, int flags);

/// Reads once, from the kernel alone, and shows every whole message. Returns the bytes, or -1 and errno: ENOSPC when
/// the kernel had more to say than 32 kilobytes.
ssize_t receive(int fd, const Visitor& visitor);

/// A request-and-answer netlink socket. Answers are awaited: the kernel gives them before `send` returns.
class Socket {
  public:
    /// NETLINK_ROUTE.
    static Result<Socket> open();
    static Result<Socket> open(int family);

    /// Sends and takes the acknowledgement. Returns 0 or the kernel's errno.
    int request(Message& message);
    /// The same, and shows what the kernel answers before it acknowledges.
    int request(Message& message, const Visitor& visitor);
    /// Sends a dump request and shows every record. Returns 0 or errno: EINTR for a dump that the kernel marks as
    /// interrupted by a change, which the caller's next resynchronisation repeats.
    int dump(Message& message, const Visitor& visitor);

  private:
    explicit Socket(UniqueFd fd) : fd_(std::move(fd)) {}
    int exchange(Message& message, const Visitor& visitor);

    UniqueFd fd_;
    std::uint32_t sequence_ = 0;
};

}  // namespace homeward::netlink
