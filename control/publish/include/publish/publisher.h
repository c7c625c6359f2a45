#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "ipc/messages.h"
#include "publish/policy_numbers.h"
#include "result/result.h"

namespace asio {
class io_context;
}

namespace homeward::publish {

/// What a replay reads: the state that is in force, piece by piece, so that nothing is built in memory twice.
class Source {
  public:
    virtual ~Source() = default;
    virtual ipc::Settings settings() const = 0;
    virtual std::vector<ipc::HomeNetwork> home_networks() const = 0;
    /// Up to `limit` bindings with home addresses above `after`, ascending (all from the start: no `after`).
    /// Called with `after` of the last one returned until it returns none.
    virtual std::vector<ipc::Binding> bindings_after(std::optional<std::uint32_t> after, std::size_t limit) const = 0;
};

struct Events {
    std::function<void(const ipc::Hello&)> connected;  ///< hello seen; the replay begins
    std::function<void()> synchronised;                ///< the data plane published all of the replay
    std::function<void(const std::string& why)> lost;
    std::function<void(const std::string& reason)> refused;
};

using CounterList = std::vector<std::pair<std::string, std::uint64_t>>;

/// The one ordered stream of changes to the data plane.
///
/// Theory of operation. Changes are appended to a queue and leave in that order, in packets of one type each; the
/// socket's back-pressure holds them here. Every packet has a sequence number; the data plane acknowledges the
/// highest one its workers can see, and the completions of the changes in it are called in order.
///
/// A data plane that connects gets everything: settings, home networks, policies and bindings come from Source in
/// pieces while the socket takes them, between sync_begin and sync_end. Changes that are queued when a connection
/// begins are part of what Source says, except those that somebody waits for: these are put in force only when they
/// are acknowledged, so they are kept over a lost connection and follow after sync_end, as do changes that come
/// during the replay. Each is whole, so applying one again on top of the replay does no harm.
///
/// Everything runs on the event loop's thread.
class Publisher {
  public:
    using Done = std::function<void(bool applied)>;

    Publisher(asio::io_context& loop, const Source& source, Events events);
    ~Publisher();
    Publisher(const Publisher&) = delete;
    Publisher& operator=(const Publisher&) = delete;

    /// Listens at `path`, replacing a socket that an earlier run left there.
    Status listen(const std::filesystem::path& path);

    bool connected() const noexcept;
    /// True from the acknowledgement of the replay until the connection is lost.
    bool synchronised() const noexcept;
    const std::optional<ipc::Hello>& peer() const noexcept;

    /// Takes a share in a policy; the data plane has it before any change that is queued afterwards.
    std::uint32_t acquire_policy(const policy::Digest& digest, PolicyBytes bytes);
    /// Gives it back; queue the bindings that cease to name it before.
    void release_policy(std::uint32_t number);

    /// `done(true)` when the workers see it, `done(false)` when the data plane refused it. A lost connection calls
    /// neither: the change is sent again, until `forget` is called with the returned ticket.
    std::uint64_t put(const ipc::Binding& binding, Done done = nullptr);
    std::uint64_t remove(std::uint32_t home_address, Done done = nullptr);
    void forget(std::uint64_t ticket);

    void announce(const ipc::ArpAnnounce& announce);
    void put_settings(const ipc::Settings& settings);
    void put_home_network(const ipc::HomeNetwork& network);
    void remove_home_network(const ipc::HomeNetwork& network);

    /// Calls back with the data plane's counters; with none when it is not there or does not answer in a second.
    void request_counters(std::function<void(CounterList)> callback);

  private:
    class Connection;
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace homeward::publish
