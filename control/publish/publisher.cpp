#include "publish/publisher.h"

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>

#include "state.h"

namespace homeward::publish {
namespace {

using namespace std::chrono_literals;

std::string socket_error(const std::string& what, const std::filesystem::path& path) {
    return what + " " + path.string() + ": " + std::strerror(errno);
}

}  // namespace

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
