#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#define ASIO_STANDALONE
#include <asio.hpp>

#include "admin/event_log.h"
#include "config/home_agent.h"
#include "netlink.h"
#include "publication.h"
#include "publish/publisher.h"
#include "registration/home_agent.h"
#include "registration_socket.h"
#include "result/result.h"
#include "store/store.h"

namespace homeward::daemon {

registration::Now now();

/// homeward-control at work: sockets, data plane, store and timers around registration::HomeAgent, on one event loop.
///
/// Theory of operation. What a turn of the loop brings (datagrams, acknowledgements, expiries) yields actions. Their
/// writes join one transaction; at the end of the turn it is committed, and only then the turn's replies leave. An
/// install waits for the data plane at most `dataplane_wait`.
class Service {
  public:
    Service(asio::io_context& loop, std::filesystem::path file, const config::HomeAgent& config, Netlink netlink,
            store::Store store);
    ~Service();
    Service(const Service&) = delete;
    Service& operator=(const Service&) = delete;

    /// Restores what the store holds and opens the data plane's socket. Registration begins when our address exists.
    Status start();
    /// Ends sockets and writes what is unsaved. The data plane keeps forwarding.
    void stop();

    struct Reload {
        std::vector<std::string> needs_restart;
    };
    /// Reads the configuration again. On an error nothing changes.
    Result<Reload> reload();

    const registration::HomeAgent& agent() const noexcept { return agent_; }
    publish::Publisher& publisher() noexcept { return publisher_; }
    admin::EventLog& events() noexcept { return events_; }
    const std::filesystem::path& file() const noexcept { return file_; }
    bool listening() const noexcept { return listening_; }
    /// What does not work at present, for people; empty: all does.
    std::string trouble() const;

  private:
    void restore();
    void listen();
    void listen_to_broadcasts();
    void take(const registration::Datagram& datagram);
    void perform(registration::Actions actions);
    void begin(const registration::Install& install);
    void end_overdue_installs();
    void schedule_overdue();
    void schedule_end_of_turn();
    void end_turn();
    void save(wire::Ipv4Address home_address);
    void commit();
    void schedule_flush();
    void schedule_expiry();
    void announce(const registration::Announcement& announcement);

    asio::io_context& loop_;
    std::filesystem::path file_;
    admin::EventLog events_;
    registration::HomeAgent agent_;
    Publication publication_;
    publish::Publisher publisher_;
    Netlink netlink_;
    store::Store store_;
    std::string store_trouble_;
    std::string socket_trouble_;
    bool listening_ = false;

    RegistrationSocket socket_;
    std::vector<std::unique_ptr<RegistrationSocket>> broadcast_sockets_;
    asio::steady_timer listen_timer_, overdue_timer_, flush_timer_, expiry_timer_;

    std::vector<registration::Reply> replies_;  ///< of this turn
    std::vector<registration::Announcement> announcements_;
    bool turn_scheduled_ = false;
    std::set<std::pair<std::chrono::steady_clock::time_point, std::uint64_t>> deadlines_;  ///< of installs: ticket
    std::set<std::uint64_t> installing_;
    std::set<wire::Ipv4Address> unsaved_;
    bool flush_scheduled_ = false;
};

}  // namespace homeward::daemon
