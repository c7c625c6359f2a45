#include "connection.h"

#include <array>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/write.hpp>

#include "percent.h"

namespace homeward::admin {

namespace asio = boost::asio;
namespace http = boost::beast::http;

namespace {

constexpr std::size_t kLingerBytes = 4 * 1024 * 1024;
constexpr std::chrono::seconds kLingerTime{2};

/// The answer to a request that could not be read; none when the client only went away.
std::optional<Reply> refusal(boost::system::error_code error, const ServerLimits& limits) {
    if (error == http::error::body_limit) {
        return error_reply(413, "the body is larger than " + std::to_string(limits.body_bytes) + " bytes");
    }
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        return error_reply(431, "the header is larger than " + std::to_string(limits.header_bytes) + " bytes");
    }
    if (error == http::error::end_of_stream || error == http::error::partial_message) {
        return std::nullopt;
    }
    if (error.category() == http::make_error_code(http::error::bad_method).category()) {
        return error_reply(400, "not an HTTP request: " + error.message());
    }
    return std::nullopt;
}

}  // namespace

Connection::Connection(const std::shared_ptr<Service>& service, Socket socket)
    : service_(service), limits_(service->limits), stream_(std::move(socket)), deadline_(service->io) {
    service->connections.insert(this);
}

Connection::~Connection() {
    if (const auto service = service_.lock()) {
        service->connections.erase(this);
    }
}

void Connection::refuse(const Reply& reply) {
    write(reply, false);
}

void Connection::close() {
    ErrorCode ignored;
    deadline_.cancel();
    stream_.socket().close(ignored);
    subscription_.reset();
    ++turn_;
}

void Connection::read() {
    parser_.emplace();
    parser_->body_limit(limits_.body_bytes);
    parser_->header_limit(static_cast<std::uint32_t>(limits_.header_bytes));
    stream_.expires_after(limits_.idle);
    http::async_read(stream_, buffer_, *parser_,
                     [self = shared_from_this()](ErrorCode error, std::size_t) { self->on_read(error); });
}

void Connection::on_read(ErrorCode error) {
    if (!error) {
        route();
    } else if (const auto reply = refusal(error, limits_)) {
        write(*reply, false);
    } else {
        close();
    }
}

void Connection::route() {
    const auto service = service_.lock();
    if (service == nullptr || service->stopped) {
        return close();
    }
    const auto& message = parser_->get();
    const auto method = message.method_string();
    const auto target = parse_target({message.target().data(), message.target().size()});
    if (!target) {
        return fail(400, "the request's target is not a path");
    }
    const Routes::Match match = service->routes.find({method.data(), method.size()}, target->path);
    if (match.action == nullptr) {
        const bool known = !match.allow.empty();
        const Reply reply = known ? error_reply(405, target->path + " takes " + match.allow)
                                  : error_reply(404, "nothing at " + target->path + ", see docs/admin-api.md");
        return write(reply, message.keep_alive(), match.allow);
    }
    if (EventLog* const* log = std::get_if<EventLog*>(match.action)) {
        return begin_stream(**log);
    }
    handle(std::get<DeferredHandler>(*match.action),
           Request{.path = target->path, .tail = match.tail, .query = target->query, .body = message.body()});
}

void Connection::handle(const DeferredHandler& handler, Request request) {
    const std::uint64_t turn = ++turn_;
    deadline_.expires_after(limits_.handler);
    deadline_.async_wait([self = shared_from_this(), turn](ErrorCode error) {
        if (!error) {
            self->answered(turn, error_reply(504, "the daemon did not answer in time"));
        }
    });
    Respond respond = [service = service_, connection = weak_from_this(), turn](Reply reply) {
        if (const auto alive = service.lock()) {
            asio::post(alive->io, [connection, turn, reply = std::move(reply)] {
                if (const auto self = connection.lock()) {
                    self->answered(turn, reply);
                }
            });
        }
    };
    service_.lock()->executor([service = service_, handler, request = std::move(request), respond] {
        const auto alive = service.lock();
        if (alive == nullptr || alive->stopped) {
            return;
        }
        try {
            handler(request, respond);
        } catch (const std::exception& error) {
            respond(error_reply(500, std::string("this request failed inside the daemon: ") + error.what()));
        }
    });
}

void Connection::answered(std::uint64_t turn, const Reply& reply) {
    if (turn != turn_) {
        return;
    }
    ++turn_;
    deadline_.cancel();
    write(reply, parser_->get().keep_alive());
}

void Connection::write(const Reply& reply, bool keep_alive, const std::string& allow) {
    response_.emplace(static_cast<http::status>(reply.status), 11);
    response_->set(http::field::content_type, reply.content_type);
    response_->set(http::field::cache_control, "no-store");
    if (!allow.empty()) {
        response_->set(http::field::allow, allow);
    }
    response_->keep_alive(keep_alive);
    response_->body() = reply.body;
    response_->prepare_payload();
    stream_.expires_after(limits_.idle);
    http::async_write(stream_, *response_, [self = shared_from_this(), keep_alive](ErrorCode error, std::size_t) {
        if (error) {
            self->close();
        } else if (keep_alive) {
            self->read();
        } else {
            ErrorCode ignored;
            self->stream_.socket().shutdown(Socket::shutdown_send, ignored);
            self->linger(kLingerBytes);
        }
    });
}

void Connection::linger(std::size_t budget) {
    constexpr std::size_t kPiece = 16 * 1024;
    buffer_.consume(buffer_.size());
    stream_.expires_after(kLingerTime);
    stream_.async_read_some(buffer_.prepare(kPiece),
                            [self = shared_from_this(), budget](ErrorCode error, std::size_t size) {
                                if (error || size >= budget) {
                                    self->close();
                                } else {
                                    self->linger(budget - size);
                                }
                            });
}

void Connection::begin_stream(EventLog& log) {
    // No length: the answer ends with the connection.
    lines_ =
        "HTTP/1.1 200 OK\r\nContent-Type: application/x-ndjson\r\nCache-Control: no-store\r\n"
        "Connection: close\r\n\r\n";
    subscription_ = log.subscribe([service = service_, connection = weak_from_this()] {
        if (const auto alive = service.lock()) {
            asio::post(alive->io, [connection] {
                if (const auto self = connection.lock()) {
                    self->pump();
                }
            });
        }
    });
    stream_.expires_never();
    watch_for_end();
    write_lines();
}

void Connection::watch_for_end() {
    buffer_.consume(buffer_.size());
    constexpr std::size_t kPiece = 512;
    stream_.async_read_some(buffer_.prepare(kPiece), [self = shared_from_this()](ErrorCode error, std::size_t) {
        if (error) {
            self->close();
        } else {
            self->watch_for_end();
        }
    });
}

void Connection::pump() {
    if (writing_ || last_ || subscription_ == nullptr) {
        return;
    }
    const Subscription::Batch batch = subscription_->take();
    for (const std::string& line : batch.lines) {
        lines_ += line;
    }
    if (batch.overrun) {
        last_ = true;
        lines_ +=
            "{\"event\":\"events-lost\",\"text\":\"this reader did not keep up and later events are missing: "
            "connect again\"}\n";
    }
    if (!lines_.empty()) {
        write_lines();
    }
}

void Connection::write_lines() {
    writing_ = true;
    stream_.expires_after(limits_.idle);
    asio::async_write(stream_, asio::buffer(lines_), [self = shared_from_this()](ErrorCode error, std::size_t) {
        self->writing_ = false;
        self->lines_.clear();
        if (error || self->last_) {
            self->close();
        } else {
            self->pump();
        }
    });
}

}  // namespace homeward::admin
