#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

#define ASIO_STANDALONE
#include <asio.hpp>

#include "publish/publisher.h"
#include "replay.h"

namespace homeward::publish {

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

    // conversation.cpp: what the data plane says
    void accept();
    void begin(int fd);
    void read(const std::shared_ptr<Connection>& from);
    bool take(Connection& from, wire::ByteView packet);
    bool greet(Connection& from, const ipc::Header& header, wire::ByteView records);
    void acknowledged(Connection& from, std::uint64_t sequence);
    void refused(Connection& from, const ipc::Header& header, wire::ByteView records);
    void counters(const ipc::Header& header, wire::ByteView records);
    void answer_counters(const CounterList& list);
    void lose(const std::string& why);

    // outbox.cpp: what it is told
    void enqueue(Change change);
    std::uint64_t enqueue_waited(Change change, Done done);
    void schedule_write();
    void write();
    wire::Bytes next_packet();
    wire::Bytes next_from_queue();
    void finish(std::uint64_t ticket, bool applied);

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

}  // namespace homeward::publish
