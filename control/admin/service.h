#pragma once

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <set>
#include <utility>

#include "admin/server.h"
#include "routes.h"

namespace homeward::admin {

class Connection;

/// What the connections of one server share. Work on its way through the daemon's loop holds it weakly: when the
/// server is gone, that work has nowhere to go and is let fall.
struct Service {
    Service(Executor run, ServerLimits bounds) : executor(std::move(run)), limits(bounds) {}

    const Executor executor;
    const ServerLimits limits;
    Routes routes;                      ///< not changed after start
    std::atomic<bool> stopped{false};   ///< writer: Server::stop
    std::set<Connection*> connections;  ///< the server's thread only
    boost::asio::io_context io{1};      ///< last: destroyed first, while what its handlers touch still exists
};

}  // namespace homeward::admin
