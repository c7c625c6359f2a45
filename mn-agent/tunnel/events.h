#pragma once

#include <sys/epoll.h>
#include <unistd.h>

#include <cstdint>

namespace homeward::tunnel {

/// What an epoll event of the tunnel's thread is about.
enum class Source : std::uint8_t { command, queue, socket, plain };

/// An epoll event that carries its source, the slot or queue, and the descriptor.
inline epoll_event interest(std::uint32_t events, Source source, unsigned number, int fd) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = static_cast<std::uint64_t>(source) << 56U | static_cast<std::uint64_t>(number) << 32U |
                     static_cast<std::uint32_t>(fd);
    return event;
}

/// Makes an eventfd readable; a full counter is a set one.
inline void signal_event(int fd) {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof one);
}

}  // namespace homeward::tunnel
