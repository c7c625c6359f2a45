#include "tunnel/loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/uio.h>

#include <csignal>
#include <utility>

#include "events.h"

namespace homeward::tunnel {

Loop::Loop(const TunDevice& tun, LoopSettings settings)
    : tun_(tun),
      settings_(std::move(settings)),
      coalescer_(settings_.offload),
      scratch_(new std::uint8_t[kScratch]),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      command_event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      control_event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    if (settings_.numbered) {
        seen_ = std::make_unique<numbering::Seen>(numbering::Seen::kMost);
        numbers_up_.start(settings_.first_number);
        hold_ = settings_.hold ? std::make_unique<HoldQueue>(*seen_, round_trips_) : nullptr;
    }
    slot_of_label_.fill(static_cast<std::uint8_t>(kMaxSlots));
    for (std::size_t slot = 0; slot < settings_.labels.size(); ++slot) {
        slot_of_label_[settings_.labels[slot]] = static_cast<std::uint8_t>(slot);
        batches_[slot] = std::make_unique<SendBatch>();
    }
    epoll_event event = interest(EPOLLIN, Source::command, 0, command_event_.get());
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, command_event_.get(), &event);
    for (unsigned queue = 0; queue < tun_.queues(); ++queue) {
        event = interest(EPOLLIN, Source::queue, queue, tun_.queue(queue));
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, tun_.queue(queue), &event);
    }
}

Loop::~Loop() {
    stop();
}

void Loop::start() {
    // Signals are the agent's.
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, &before);
    thread_ = std::thread([this] { run(); });
    pthread_setname_np(thread_.native_handle(), "tunnel");
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

void Loop::stop() {
    if (thread_.joinable()) {
        stopping_.store(true);
        signal_event(command_event_.get());
        thread_.join();
    }
}

void Loop::set_socket(unsigned slot, UniqueFd socket) {
    Command change;
    change.slot = slot;
    change.socket_change = true;
    change.socket = std::move(socket);
    command(std::move(change));
}

void Loop::set_plain_socket(unsigned slot, UniqueFd socket) {
    Command change;
    change.slot = slot;
    change.plain_socket_change = true;
    change.socket = std::move(socket);
    command(std::move(change));
}

void Loop::set_table(std::shared_ptr<const policy::Table> table) {
    Command change;
    change.table = std::move(table);
    command(std::move(change));
}

void Loop::command(Command command) {
    {
        const std::lock_guard lock(commands_mutex_);
        commands_.push_back(std::move(command));
    }
    signal_event(command_event_.get());
}

void Loop::deliver(wire::ByteView packet) const {
    OffloadHeader whole;
    const iovec pieces[] = {{&whole, sizeof whole}, {const_cast<std::uint8_t*>(packet.data()), packet.size()}};
    [[maybe_unused]] const ssize_t written = ::writev(tun_.queue(0), pieces, 2);
}

void Loop::run() {
    std::array<epoll_event, 32> events;
    while (!stopping_.load(std::memory_order_relaxed)) {
        const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), patience());
        for (int i = 0; i < count; ++i) {
            const std::uint64_t about = events[static_cast<std::size_t>(i)].data.u64;
            const auto number = static_cast<unsigned>(about >> 32U & 0xffU);
            const int fd = static_cast<int>(about & 0xffffffffU);
            switch (static_cast<Source>(about >> 56U)) {
                case Source::command:
                    take_commands();
                    break;
                case Source::queue:
                    read_queue(number);
                    break;
                case Source::socket:
                    if ((events[static_cast<std::size_t>(i)].events & EPOLLOUT) != 0) {
                        flush(number);
                    }
                    if ((events[static_cast<std::size_t>(i)].events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0 &&
                        sockets_[number].get() == fd) {
                        read_socket(fd, static_cast<std::uint8_t>(number));
                    }
                    break;
                case Source::plain:
                    if (plain_sockets_[number].get() == fd) {
                        read_plain_socket(fd, static_cast<std::uint8_t>(number));
                    }
                    break;
            }
        }
        release_held();
    }
}

void Loop::take_commands() {
    std::uint64_t count = 0;
    [[maybe_unused]] const ssize_t got = ::read(command_event_.get(), &count, sizeof count);
    std::vector<Command> commands;
    {
        const std::lock_guard lock(commands_mutex_);
        commands.swap(commands_);
    }
    for (Command& command : commands) {
        if (command.table) {
            table_ = std::move(command.table);
        }
        if (command.socket_change) {
            replace_socket(command);
        }
        if (command.plain_socket_change) {
            replace_plain_socket(command);
        }
    }
}

void Loop::replace_socket(Command& command) {
    const unsigned slot = command.slot;
    block(slot, false);
    listen_to(sockets_[slot], std::move(command.socket), Source::socket, slot);
    batches_[slot]->set_trains(settings_.offload && settings_.trains);
    flush(slot);
}

/// A full one is not waited for: it is for packets that the kernel does not carry by itself, and they are few.
void Loop::replace_plain_socket(Command& command) {
    listen_to(plain_sockets_[command.slot], std::move(command.socket), Source::plain, command.slot);
}

/// Reads `next` instead of `socket` from now on; an empty one: nothing.
void Loop::listen_to(UniqueFd& socket, UniqueFd next, Source source, unsigned slot) {
    // The agent holds a duplicate for registration: closing alone would leave this one in the epoll set.
    if (socket) {
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket.get(), nullptr);
    }
    socket = std::move(next);
    if (socket) {
        epoll_event event = interest(EPOLLIN, source, slot, socket.get());
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event);
    }
}

}  // namespace homeward::tunnel
