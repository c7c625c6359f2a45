#include "tunnel/loop.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <utility>

#include "batch.h"
#include "mip/keepalive.h"

namespace homeward::tunnel {
namespace {

constexpr unsigned kNowhere = kMaxSlots;
constexpr unsigned kNobody = ~0U;

/// What an epoll event is about.
enum class Source : std::uint8_t { command, queue, socket };

epoll_event interest(std::uint32_t events, Source source, unsigned number, int fd) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = static_cast<std::uint64_t>(source) << 56U | static_cast<std::uint64_t>(number) << 32U |
                     static_cast<std::uint32_t>(fd);
    return event;
}

void signal_event(int fd) {
    const std::uint64_t one = 1;
    // A full counter is a set one.
    [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof one);
}

/// The link is gone or has no way out any more; netlink will say so in a moment.
bool link_is_dead(int error) {
    return error == ENETDOWN || error == ENETUNREACH || error == ENODEV || error == ENXIO || error == EADDRNOTAVAIL ||
           error == EINVAL;
}

}  // namespace

Loop::Loop(const TunDevice& tun, LoopSettings settings)
    : tun_(tun),
      settings_(std::move(settings)),
      receive_(std::make_unique<Receive>()),
      scratch_(new std::uint8_t[kBuffer]),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      command_event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)),
      control_event_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
    slot_of_label_.fill(static_cast<std::uint8_t>(kNowhere));
    for (std::size_t slot = 0; slot < settings_.labels.size(); ++slot) {
        slot_of_label_[settings_.labels[slot]] = static_cast<std::uint8_t>(slot);
        batches_[slot] = std::make_unique<Batch>();
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
    [[maybe_unused]] const ssize_t written = ::write(tun_.queue(0), packet.data(), packet.size());
}

void Loop::run() {
    std::array<epoll_event, 32> events;
    while (!stopping_.load(std::memory_order_relaxed)) {
        const int count = ::epoll_wait(epoll_.get(), events.data(), events.size(), -1);
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
            }
        }
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
    }
}

void Loop::replace_socket(Command& command) {
    const unsigned slot = command.slot;
    block(slot, false);
    UniqueFd& socket = sockets_[slot];
    // The agent holds a duplicate for registration: closing alone would leave this one in the epoll set.
    if (socket) {
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket.get(), nullptr);
    }
    socket = std::move(command.socket);
    if (socket) {
        epoll_event event = interest(EPOLLIN, Source::socket, slot, socket.get());
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, socket.get(), &event);
    }
    flush(slot);
}

void Loop::read_queue(unsigned queue) {
    for (std::size_t i = 0; i < kBatch; ++i) {
        if (settings_.steered && queue < settings_.labels.size() && batches_[queue]->full()) {
            break;
        }
        const ssize_t size =
            ::read(tun_.queue(queue), scratch_.get() + mip::kTunnelHeaderSize, kBuffer - mip::kTunnelHeaderSize);
        if (size <= 0) {
            break;
        }
        stage(queue, static_cast<std::size_t>(size));
    }
    for (unsigned slot = 0; slot < settings_.labels.size(); ++slot) {
        if (!batches_[slot]->blocked) {
            flush(slot);
        }
    }
}

/// Puts the packet in `scratch_` into the batch of the uplink it leaves by.
void Loop::stage(unsigned queue, std::size_t size) {
    const Packet packet{scratch_.get() + mip::kTunnelHeaderSize, size};
    if (size < 20 || packet[0] >> 4U != 4) {
        return drop(Drop::not_ipv4);
    }
    const bool steered = settings_.steered && queue < settings_.labels.size() && sockets_[queue] &&
                         usable_[queue].load(std::memory_order_acquire);
    const unsigned slot = steered ? queue : choose(packet, kNobody);
    if (slot == kNowhere) {
        return drop(Drop::no_uplink);
    }
    if (settings_.steered && slot != queue) {
        add(counters_[slot].moved, 1);
    }
    Batch& batch = *batches_[slot];
    if (batch.full() && !batch.blocked) {
        flush(slot);
    }
    if (batch.full()) {
        return drop(Drop::queue_full);
    }
    if (const std::uint16_t mss = max_mss_.load(std::memory_order_relaxed); mss != 0) {
        clamp_mss(packet, mss);
    }
    std::uint8_t* buffer = scratch_.release();
    batch.push(buffer, size, outer_tos(packet[1], settings_.ecn_normal_mode));
    scratch_.reset(buffer);
}

/// The policy's answer in user space: the first usable uplink that is not `except`, or kNowhere.
unsigned Loop::choose(wire::ByteView packet, unsigned except) noexcept {
    if (!table_) {
        return kNowhere;
    }
    const policy::Candidate& candidate = table_->lookup(flow_of(packet, fragments_));
    for (const policy::Label label : candidate.uplinks) {
        const unsigned slot = slot_of_label_[label];
        if (slot != kNowhere && slot != except && sockets_[slot] && usable_[slot].load(std::memory_order_acquire)) {
            return slot;
        }
    }
    return kNowhere;
}

void Loop::flush(unsigned slot) {
    Batch& batch = *batches_[slot];
    while (!batch.empty()) {
        if (!sockets_[slot]) {
            send_elsewhere(slot);
            continue;
        }
        const std::size_t first = batch.sent;
        const int sent = ::sendmmsg(sockets_[slot].get(), batch.messages(),
                                    static_cast<unsigned>(batch.count - batch.sent), MSG_NOSIGNAL);
        if (sent <= 0) {
            const int error = errno;
            if (error == EAGAIN) {
                return block(slot, true);
            }
            after_failed_send(slot, error);
            continue;
        }
        batch.sent += static_cast<std::size_t>(sent);
        std::uint64_t bytes = 0;
        for (std::size_t i = first; i < batch.sent; ++i) {
            bytes += batch.sizes[i];
        }
        add(counters_[slot].tx_packets, static_cast<std::uint64_t>(sent));
        add(counters_[slot].tx_bytes, bytes);
    }
    batch.clear();
    block(slot, false);
}

/// Decides about the first unsent packet of the batch; the caller goes on with the rest.
void Loop::after_failed_send(unsigned slot, int error) {
    if (error == EINTR) {
        return;
    }
    if (link_is_dead(error)) {
        return send_elsewhere(slot);
    }
    Batch& batch = *batches_[slot];
    if (error == EMSGSIZE) {
        drop(Drop::too_big);
        too_big_[slot].store(true);
        signal_event(control_event_.get());
        ++batch.sent;
        return;
    }
    // ECONNREFUSED and its like report an earlier packet's ICMP error, once; this packet was not tried.
    const mmsghdr* messages = batch.messages();
    const iovec* piece = messages->msg_hdr.msg_iov;
    if (::send(sockets_[slot].get(), piece->iov_base, piece->iov_len, MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
        add(counters_[slot].tx_packets, 1);
        add(counters_[slot].tx_bytes, batch.sizes[batch.sent]);
    } else {
        drop(Drop::send_failed);
    }
    ++batch.sent;
}

/// The first unsent packet leaves by the policy's next preference.
void Loop::send_elsewhere(unsigned slot) {
    Batch& batch = *batches_[slot];
    const unsigned other = choose(batch.packet(batch.sent), slot);
    if (other == kNowhere) {
        drop(Drop::no_uplink);
    } else {
        const wire::ByteView packet = batch.packet(batch.sent);
        if (::send(sockets_[other].get(), batch.buffers[batch.sent], packet.size() + mip::kTunnelHeaderSize,
                   MSG_NOSIGNAL | MSG_DONTWAIT) >= 0) {
            add(counters_[other].tx_packets, 1);
            add(counters_[other].tx_bytes, packet.size());
            add(counters_[other].moved, 1);
        } else {
            drop(Drop::send_failed);
        }
    }
    ++batch.sent;
}

/// While a socket is full, its queue is not read and the socket is asked when it takes more.
void Loop::block(unsigned slot, bool blocked) {
    Batch& batch = *batches_[slot];
    if (batch.blocked == blocked) {
        return;
    }
    batch.blocked = blocked;
    if (sockets_[slot]) {
        epoll_event event =
            interest(blocked ? EPOLLIN | EPOLLOUT : EPOLLIN, Source::socket, slot, sockets_[slot].get());
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, sockets_[slot].get(), &event);
    }
    if (settings_.steered) {
        epoll_event event = interest(blocked ? 0U : EPOLLIN, Source::queue, slot, tun_.queue(slot));
        ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, tun_.queue(slot), &event);
    }
}

void Loop::read_socket(int socket, std::uint8_t slot) {
    const int count = ::recvmmsg(socket, receive_->messages(), kBatch, MSG_DONTWAIT, nullptr);
    for (int i = 0; i < count; ++i) {
        const auto index = static_cast<std::size_t>(i);
        receive(slot, {static_cast<std::uint8_t*>(receive_->vectors[index].iov_base), receive_->headers[index].msg_len},
                receive_->tos(index));
    }
}

void Loop::receive(std::uint8_t slot, Packet datagram, std::uint8_t outer_tos) {
    if (!datagram.empty() && datagram[0] == static_cast<std::uint8_t>(mip::MessageType::registration_reply)) {
        if (!control_.push(ControlDatagram::Kind::registration, slot, datagram)) {
            return drop(Drop::control_full);
        }
        return signal_event(control_event_.get());
    }
    if (!mip::tunnelled(datagram)) {
        return drop(Drop::not_tunnel_data);
    }
    Packet packet = datagram.subspan(mip::kTunnelHeaderSize);
    switch (check_inner(packet, wire::Ipv4Address{home_address_.load(std::memory_order_relaxed)})) {
        case Inner::good:
            break;
        case Inner::bad_checksum:
            return drop(Drop::inner_checksum);
        case Inner::wrong_destination:
            return drop(Drop::inner_destination);
        default:
            return drop(Drop::inner_malformed);
    }
    if (!combine_ecn(packet, outer_tos)) {
        return drop(Drop::inner_ecn);
    }
    add(counters_[slot].rx_packets, 1);
    add(counters_[slot].rx_bytes, packet.size());
    // Cheap before exact: answers to our keepalives are ICMP of one size. Whether it is ours, the agent decides.
    constexpr std::uint8_t kIcmp = 1;
    constexpr std::size_t kKeepaliveSize = 36;
    if (packet[9] == kIcmp && packet.size() == kKeepaliveSize && mip::decode_echo_reply(packet) &&
        control_.push(ControlDatagram::Kind::echo_reply, slot, packet)) {
        return signal_event(control_event_.get());
    }
    if (const std::uint16_t mss = max_mss_.load(std::memory_order_relaxed); mss != 0) {
        clamp_mss(packet, mss);
    }
    const unsigned queue = slot < tun_.queues() ? slot : 0;
    if (::write(tun_.queue(queue), packet.data(), packet.size()) < 0) {
        drop(Drop::interface_refused);
    }
}

}  // namespace homeward::tunnel
