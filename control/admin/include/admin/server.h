#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "admin/event_log.h"
#include "admin/message.h"
#include "result/result.h"

namespace homeward::admin {

/// Runs a function later on the daemon's loop: `[&loop](auto work) { asio::post(loop, std::move(work)); }`.
/// Must be callable from any thread and must not run the function before it returns.
using Executor = std::function<void(std::function<void()>)>;

using Handler = std::function<Reply(const Request&)>;
/// Gives the answer, once, from any thread, now or later. Further calls, and calls after the request timed out or the
/// server stopped, do nothing.
using Respond = std::function<void(Reply)>;
using DeferredHandler = std::function<void(const Request&, Respond)>;

struct ServerLimits {
    std::size_t body_bytes = 64 * 1024;         ///< then 413
    std::size_t header_bytes = 16 * 1024;       ///< then 431
    std::size_t connections = 64;               ///< then 503
    std::chrono::milliseconds idle{30'000};     ///< between requests, or in the middle of one; then the connection ends
    std::chrono::milliseconds handler{10'000};  ///< for the handler's answer; then 504
};

/// HTTP on a UNIX socket (docs/admin-api.md).
///
/// Connections live on a thread of the server's own; handlers run on the daemon's loop through the Executor, so they
/// need no lock. That thread never waits for the loop and the loop never waits for that thread, except in stop(),
/// which joins it: stop() may be called from a handler or from the loop, and the loop may end before the server does.
/// A handler that throws answers 500.
class Server {
  public:
    Server(std::filesystem::path socket, Executor executor, ServerLimits limits = {});
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

    // Routes: before start(). A path that ends in "/*" takes one more segment, Request::tail.
    void get(std::string path, Handler handler);
    void post(std::string path, Handler handler);
    void get_deferred(std::string path, DeferredHandler handler);
    void post_deferred(std::string path, DeferredHandler handler);
    /// An endless answer of one line per event. `log` must outlive the server.
    void stream(std::string path, EventLog& log);

    /// Creates the directory and the socket (mode 0660) and serves. A socket file that nobody answers on is replaced;
    /// one that somebody answers on is an error.
    Status start();
    /// Ends every connection and removes the socket file. Idempotent.
    void stop();

  private:
    struct Core;
    std::unique_ptr<Core> core_;
};

}  // namespace homeward::admin
