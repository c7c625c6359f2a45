#include "publish/publisher.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <unordered_map>
#include <variant>

#define ASIO_STANDALONE
#include <asio.hpp>

#include "packet.h"
#include "replay.h"

namespace homeward::publish {
namespace {

using namespace std::chrono_literals;

struct PolicyPut {
    std::uint32_t number = 0;
};
struct CountersRequest {};

using Record = std::variant<ipc::Settings, ipc::HomeNetwork, ipc::PolicyRemove, ipc::Binding, ipc::BindingRemove,
                            ipc::ArpAnnounce, CountersRequest, PolicyPut>;

struct Change {
    ipc::Type type{};
    Record record;
    std::uint64_t ticket = 0;  ///< 0: nobody waits
};

struct InFlight {
    std::uint64_t sequence = 0;
    std::vector<Change> changes;  ///< only those somebody waits for
};

std::string text_of(std::span<const char> field) {
    return {field.data(), strnlen(field.data(), field.size())};
}

std::string socket_error(const std::string& what, const std::filesystem::path& path) {
    return what + " " + path.string() + ": " + std::strerror(errno);
}

}  // namespace

/// Everything that lives and dies with one connection of the data plane.
class Publisher::Connection {
  public:
    Connection(asio::io_context& loop, int fd) : stream(loop, fd) {}

    asio::posix::stream_descriptor stream;
    std::optional<ipc::Hello> hello;
    std::optional<Replay> replay;
    std::optional<PolicyChunks> chunks;
    wire::Bytes unsent;  ///< a packet the socket did not take yet
    std::deque<InFlight> in_flight;
    std::uint64_t next_sequence = 1;
    std::uint64_t sync_end_sequence = 0;
    bool synchronised = false;
    bool waiting_to_write = false;
};

struct Publisher::State {
    State(asio::io_context& loop_, const Source& source_, Events events_)
        : loop(loop_), source(source_), events(std::move(events_)), listener(loop_), counters_timer(loop_) {}

    void accept();
    void begin(int fd);
    void read(const std::shared_ptr<Connection>& from);
    bool take(Connection& from, wire::ByteView packet);
    bool greet(Connection& from, const ipc::Header& header, wire::ByteView records);
    void acknowledged(Connection& from, std::uint64_t sequence);
    void refused(Connection& from, const ipc::Header& header, wire::ByteView records);
    void lose(const std::string& why);

    void enqueue(Change change);
    std::uint64_t enqueue_waited(Change change, Done done);
    void schedule_write();
    void write();
    wire::Bytes next_packet();
    wire::Bytes next_from_queue();
    void finish(std::uint64_t ticket, bool applied);
    void counters(const ipc::Header& header, wire::ByteView records);
    void answer_counters(CounterList list);

    asio::io_context& loop;
    const Source& source;
    Events events;
    asio::posix::stream_descriptor listener;
    std::filesystem::path path;
    PolicyNumbers policies;
    std::deque<Change> queue;
    std::unordered_map<std::uint64_t, Done> waiting;
    std::uint64_t next_ticket = 1;
    std::shared_ptr<Connection> connection;
    bool write_scheduled = false;
    asio::steady_timer counters_timer;
    std::vector<std::function<void(CounterList)>> counter_waiters;
    CounterList counter_parts;
    std::shared_ptr<bool> alive = std::make_shared<bool>(true);
};

Publisher::Publisher(asio::io_context& loop, const Source& source, Events events)
    : state_(std::make_unique<State>(loop, source, std::move(events))) {}

Publisher::~Publisher() {
    *state_->alive = false;
    if (!state_->path.empty()) {
        ::unlink(state_->path.c_str());
    }
}

Status Publisher::listen(const std::filesystem::path& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.native().size() >= sizeof address.sun_path) {
        return Error{"data plane socket " + path.string() + ": the path is too long for a UNIX socket"};
    }
    std::memcpy(address.sun_path, path.c_str(), path.native().size());
    const int fd = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return Error{socket_error("cannot create the data plane socket", path)};
    }
    ::unlink(path.c_str());
    if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        ::chmod(path.c_str(), 0600) != 0 || ::listen(fd, 4) != 0) {
        const Error error{socket_error("cannot listen for the data plane on", path)};
        ::close(fd);
        return error;
    }
    state_->path = path;
    state_->listener.assign(fd);
    state_->accept();
    return {};
}

void Publisher::State::accept() {
    listener.async_wait(
        asio::posix::stream_descriptor::wait_read, [this, watch = alive](const asio::error_code& error) {
            if (error || !*watch) {
                return;
            }
            const int fd = ::accept4(listener.native_handle(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd >= 0) {
                begin(fd);
            }
            accept();
        });
}

void Publisher::State::begin(int fd) {
    if (connection) {
        lose("another data plane connected in its place");
    }
    const int buffer = 4 << 20;
    ::setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &buffer, sizeof buffer);
    connection = std::make_shared<Connection>(loop, fd);
    read(connection);
}

void Publisher::State::read(const std::shared_ptr<Connection>& from) {
    from->stream.async_wait(
        asio::posix::stream_descriptor::wait_read, [this, from, watch = alive](const asio::error_code& error) {
            if (error || !*watch || connection != from) {
                return;
            }
            static thread_local wire::Bytes buffer(ipc::kMaxMessage);
            for (;;) {
                const ssize_t size = ::recv(from->stream.native_handle(), buffer.data(), buffer.size(), MSG_DONTWAIT);
                if (size < 0 && (errno == EAGAIN || errno == EINTR)) {
                    break;
                }
                if (size <= 0) {
                    return lose(size == 0 ? "it closed the connection" : std::strerror(errno));
                }
                if (!take(*from, wire::ByteView{buffer}.first(static_cast<std::size_t>(size))) || connection != from) {
                    return;
                }
            }
            read(from);
        });
}

bool Publisher::State::take(Connection& from, wire::ByteView packet) {
    ipc::Header header;
    if (packet.size() < sizeof header) {
        lose("it sent a packet that is too short");
        return false;
    }
    std::memcpy(&header, packet.data(), sizeof header);
    if (header.magic != ipc::kMagic || header.version != ipc::kVersion) {
        lose("it speaks version " + std::to_string(header.version) + " of the protocol, homeward-control speaks " +
             std::to_string(ipc::kVersion) + ": install both of one release");
        return false;
    }
    const wire::ByteView records = packet.subspan(sizeof header);
    if (!from.hello) {
        return greet(from, header, records);
    }
    if (header.type == ipc::Type::ack) {
        acknowledged(from, header.sequence);
    } else if (header.type == ipc::Type::counters_reply) {
        counters(header, records);
    } else if (header.type == ipc::Type::refused) {
        refused(from, header, records);
    } else {
        lose("it sent a message of unknown type " + std::to_string(static_cast<unsigned>(header.type)));
        return false;
    }
    return true;
}

bool Publisher::State::greet(Connection& from, const ipc::Header& header, wire::ByteView records) {
    if (header.type != ipc::Type::hello || records.size() != sizeof(ipc::Hello)) {
        lose("it did not begin with hello");
        return false;
    }
    from.hello.emplace();
    std::memcpy(&*from.hello, records.data(), sizeof(ipc::Hello));
    // The replay says all of this; only changes that are not in force before their acknowledgement are not in it.
    std::erase_if(queue, [this](const Change& change) { return !waiting.contains(change.ticket); });
    from.replay.emplace(source, policies);
    events.connected(*from.hello);
    schedule_write();
    return true;
}

void Publisher::State::acknowledged(Connection& from, std::uint64_t sequence) {
    while (!from.in_flight.empty() && from.in_flight.front().sequence <= sequence) {
        const InFlight done = std::move(from.in_flight.front());
        from.in_flight.pop_front();
        for (const Change& change : done.changes) {
            finish(change.ticket, true);
        }
    }
    if (!from.synchronised && from.sync_end_sequence != 0 && sequence >= from.sync_end_sequence) {
        from.synchronised = true;
        events.synchronised();
    }
}

void Publisher::State::refused(Connection& from, const ipc::Header& header, wire::ByteView records) {
    ipc::Refused refusal;
    if (records.size() == sizeof refusal) {
        std::memcpy(&refusal, records.data(), sizeof refusal);
    }
    events.refused(text_of(refusal.reason));
    for (InFlight& packet : from.in_flight) {
        if (packet.sequence == header.sequence) {
            const std::vector<Change> changes = std::move(packet.changes);
            packet.changes.clear();
            for (const Change& change : changes) {
                finish(change.ticket, false);
            }
            return;
        }
    }
}

void Publisher::State::lose(const std::string& why) {
    const std::shared_ptr<Connection> lost = std::move(connection);
    connection.reset();
    lost->stream.close();
    for (auto packet = lost->in_flight.rbegin(); packet != lost->in_flight.rend(); ++packet) {
        queue.insert(queue.begin(), packet->changes.begin(), packet->changes.end());
    }
    std::erase_if(queue, [this](const Change& change) { return !waiting.contains(change.ticket); });
    answer_counters({});
    events.lost(why);
}

void Publisher::State::finish(std::uint64_t ticket, bool applied) {
    if (auto waited = waiting.extract(ticket)) {
        waited.mapped()(applied);
    }
}

void Publisher::State::enqueue(Change change) {
    const bool waited = change.ticket != 0;
    if (!waited && (!connection || !connection->hello)) {
        return;
    }
    queue.push_back(std::move(change));
    schedule_write();
}

std::uint64_t Publisher::State::enqueue_waited(Change change, Done done) {
    if (done) {
        change.ticket = next_ticket++;
        waiting.emplace(change.ticket, std::move(done));
    }
    const std::uint64_t ticket = change.ticket;
    enqueue(std::move(change));
    return ticket;
}

/// Writing waits for the end of the current turn of the loop, so that changes of many requests share packets.
void Publisher::State::schedule_write() {
    if (write_scheduled || !connection || !connection->hello || connection->waiting_to_write) {
        return;
    }
    write_scheduled = true;
    asio::post(loop, [this, watch = alive] {
        if (*watch) {
            write_scheduled = false;
            write();
        }
    });
}

void Publisher::State::write() {
    while (connection && connection->hello) {
        Connection& to = *connection;
        if (to.unsent.empty()) {
            to.unsent = next_packet();
        }
        if (to.unsent.empty()) {
            return;
        }
        const ssize_t sent =
            ::send(to.stream.native_handle(), to.unsent.data(), to.unsent.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
        if (sent >= 0) {
            to.unsent.clear();
            continue;
        }
        if (errno == EINTR) {
            continue;
        }
        if (errno != EAGAIN && errno != ENOBUFS) {
            return lose(std::strerror(errno));
        }
        to.waiting_to_write = true;
        to.stream.async_wait(asio::posix::stream_descriptor::wait_write,
                             [this, held = connection, watch = alive](const asio::error_code& error) {
                                 if (!error && *watch && connection == held) {
                                     held->waiting_to_write = false;
                                     write();
                                 }
                             });
        return;
    }
}

wire::Bytes Publisher::State::next_packet() {
    Connection& to = *connection;
    if (to.replay && !to.replay->done()) {
        wire::Bytes packet = to.replay->next(to.next_sequence);
        if (to.replay->done()) {
            to.sync_end_sequence = to.next_sequence;
        }
        ++to.next_sequence;
        return packet;
    }
    if (to.chunks && !to.chunks->done()) {
        return to.chunks->next(to.next_sequence++);
    }
    return next_from_queue();
}

wire::Bytes Publisher::State::next_from_queue() {
    Connection& to = *connection;
    while (!queue.empty() && queue.front().type == ipc::Type::policy_chunk) {
        const std::uint32_t number = std::get<PolicyPut>(queue.front().record).number;
        queue.pop_front();
        if (const PolicyNumbers::Held* held = policies.find(number)) {
            to.chunks.emplace(number, held->bytes);
            return to.chunks->next(to.next_sequence++);
        }
    }
    if (queue.empty()) {
        return {};
    }
    Packet packet(queue.front().type);
    InFlight flight{to.next_sequence, {}};
    const ipc::Type type = queue.front().type;
    const bool single = type == ipc::Type::settings || type == ipc::Type::counters_request;
    while (!queue.empty() && queue.front().type == type && packet.fits<ipc::Binding>()) {
        std::visit(
            [&packet](const auto& record) {
                using T = std::decay_t<decltype(record)>;
                if constexpr (!std::is_same_v<T, CountersRequest> && !std::is_same_v<T, PolicyPut>) {
                    packet.add(record);
                }
            },
            queue.front().record);
        if (queue.front().ticket != 0) {
            flight.changes.push_back(std::move(queue.front()));
        }
        queue.pop_front();
        if (single) {
            break;
        }
    }
    if (!flight.changes.empty()) {
        to.in_flight.push_back(std::move(flight));
    }
    return packet.finish(to.next_sequence++);
}

void Publisher::State::counters(const ipc::Header& header, wire::ByteView records) {
    for (; records.size() >= sizeof(ipc::Counter); records = records.subspan(sizeof(ipc::Counter))) {
        ipc::Counter counter;
        std::memcpy(&counter, records.data(), sizeof counter);
        counter_parts.emplace_back(text_of(counter.name), counter.value);
    }
    if (header.more == 0) {
        answer_counters(std::exchange(counter_parts, {}));
    }
}

void Publisher::State::answer_counters(CounterList list) {
    counters_timer.cancel();
    counter_parts.clear();
    for (const auto& waiter : std::exchange(counter_waiters, {})) {
        waiter(list);
    }
}

bool Publisher::connected() const noexcept {
    return state_->connection && state_->connection->hello;
}

bool Publisher::synchronised() const noexcept {
    return state_->connection && state_->connection->synchronised;
}

const std::optional<ipc::Hello>& Publisher::peer() const noexcept {
    static const std::optional<ipc::Hello> none;
    return state_->connection ? state_->connection->hello : none;
}

std::uint32_t Publisher::acquire_policy(const policy::Digest& digest, PolicyBytes bytes) {
    const PolicyNumbers::Acquired acquired = state_->policies.acquire(digest, std::move(bytes));
    if (acquired.is_new) {
        state_->enqueue({ipc::Type::policy_chunk, PolicyPut{acquired.number}, 0});
    }
    return acquired.number;
}

void Publisher::release_policy(std::uint32_t number) {
    if (const auto last = state_->policies.release(number)) {
        state_->enqueue({ipc::Type::policy_remove, ipc::PolicyRemove{*last}, 0});
    }
}

std::uint64_t Publisher::put(const ipc::Binding& binding, Done done) {
    return state_->enqueue_waited({ipc::Type::binding_put, binding, 0}, std::move(done));
}

std::uint64_t Publisher::remove(std::uint32_t home_address, Done done) {
    return state_->enqueue_waited({ipc::Type::binding_remove, ipc::BindingRemove{home_address}, 0}, std::move(done));
}

void Publisher::forget(std::uint64_t ticket) {
    state_->waiting.erase(ticket);
    if (!connected()) {
        std::erase_if(state_->queue, [ticket](const Change& change) { return change.ticket == ticket; });
    }
}

void Publisher::announce(const ipc::ArpAnnounce& announce) {
    state_->enqueue({ipc::Type::arp_announce, announce, 0});
}

void Publisher::put_settings(const ipc::Settings& settings) {
    state_->enqueue({ipc::Type::settings, settings, 0});
}

void Publisher::put_home_network(const ipc::HomeNetwork& network) {
    state_->enqueue({ipc::Type::home_network, network, 0});
}

void Publisher::remove_home_network(const ipc::HomeNetwork& network) {
    state_->enqueue({ipc::Type::home_network_remove, network, 0});
}

void Publisher::request_counters(std::function<void(CounterList)> callback) {
    if (!connected()) {
        return callback({});
    }
    state_->counter_waiters.push_back(std::move(callback));
    if (state_->counter_waiters.size() > 1) {
        return;
    }
    state_->enqueue({ipc::Type::counters_request, CountersRequest{}, 0});
    state_->counters_timer.expires_after(1s);
    state_->counters_timer.async_wait([state = state_.get(), watch = state_->alive](const asio::error_code& error) {
        if (!error && *watch) {
            state->answer_counters({});
        }
    });
}

}  // namespace homeward::publish
