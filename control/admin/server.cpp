#include "admin/server.h"

#include <pthread.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>
#include <optional>
#include <thread>

#include "connection.h"
#include "service.h"
#include "socket_file.h"

namespace homeward::admin {

namespace asio = boost::asio;
using Local = asio::local::stream_protocol;

namespace {

constexpr std::chrono::milliseconds kAcceptPause{100};

DeferredHandler at_once(Handler handler) {
    return
        [handler = std::move(handler)](const Request& request, const Respond& respond) { respond(handler(request)); };
}

/// Signals belong to the daemon's loop: the server's thread takes none.
class SignalsBlocked {
  public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

  private:
    sigset_t before_{};
};

}  // namespace

struct Server::Core {
    Core(std::filesystem::path path, Executor executor, ServerLimits limits)
        : socket(std::move(path)), service(std::make_shared<Service>(std::move(executor), limits)) {}

    void accept();
    void on_accept(boost::system::error_code error, Local::socket peer);

    const std::filesystem::path socket;
    std::shared_ptr<Service> service;
    std::optional<SocketFile> file;
    std::optional<Local::acceptor> acceptor;
    std::optional<asio::steady_timer> pause;
    std::thread thread;
};

void Server::Core::accept() {
    acceptor->async_accept([this](boost::system::error_code error, Local::socket peer) {
        if (!service->stopped) {
            on_accept(error, std::move(peer));
        }
    });
}

void Server::Core::on_accept(boost::system::error_code error, Local::socket peer) {
    if (error) {
        // No descriptor left, most likely: the client waits in the backlog until there is one.
        pause->expires_after(kAcceptPause);
        return pause->async_wait([this](boost::system::error_code cancelled) {
            if (!cancelled && !service->stopped) {
                accept();
            }
        });
    }
    const auto connection = std::make_shared<Connection>(service, std::move(peer));
    if (service->connections.size() > service->limits.connections) {
        connection->refuse(error_reply(503, "too many connections to the admin socket"));
    } else {
        connection->serve();
    }
    accept();
}

Server::Server(std::filesystem::path socket, Executor executor, ServerLimits limits)
    : core_(std::make_unique<Core>(std::move(socket), std::move(executor), limits)) {}

Server::~Server() {
    stop();
}

void Server::get(std::string path, Handler handler) {
    get_deferred(std::move(path), at_once(std::move(handler)));
}

void Server::post(std::string path, Handler handler) {
    post_deferred(std::move(path), at_once(std::move(handler)));
}

void Server::get_deferred(std::string path, DeferredHandler handler) {
    core_->service->routes.add("GET", std::move(path), std::move(handler));
}

void Server::post_deferred(std::string path, DeferredHandler handler) {
    core_->service->routes.add("POST", std::move(path), std::move(handler));
}

void Server::stream(std::string path, EventLog& log) {
    core_->service->routes.add("GET", std::move(path), &log);
}

Status Server::start() {
    auto file = SocketFile::listen(core_->socket);
    if (!file) {
        return file.error();
    }
    core_->file.emplace(std::move(*file));
    core_->acceptor.emplace(core_->service->io, Local(), core_->file->release());
    core_->pause.emplace(core_->service->io);
    core_->accept();
    const SignalsBlocked blocked;
    core_->thread = std::thread([service = core_->service] { service->io.run(); });
    return {};
}

void Server::stop() {
    core_->service->stopped = true;
    if (!core_->thread.joinable()) {
        return;
    }
    asio::post(core_->service->io, [core = core_.get()] {
        core->acceptor->close();
        core->pause->cancel();
        for (Connection* connection : core->service->connections) {
            connection->close();
        }
        core->service->io.stop();
    });
    core_->thread.join();
    core_->file.reset();
}

}  // namespace homeward::admin
