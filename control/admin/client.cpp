#include "admin/client.h"

#include <fmt/format.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>
#include <limits>
#include <optional>

#include "admin/message.h"

namespace homeward::admin {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using ErrorCode = boost::system::error_code;
using Local = asio::local::stream_protocol;

namespace {

constexpr std::uint64_t kMaxBody = 256 * 1024 * 1024;

/// Asynchronous operations one after the other, each waited for: the way to have a time limit on a blocking call.
class Call {
  public:
    Call(const std::filesystem::path& socket, std::chrono::milliseconds timeout)
        : path_(socket), timeout_(timeout), stream_(io_) {}

    Status connect() {
        try {
            stream_.expires_after(timeout_);
            return wait("cannot connect",
                        [this](auto done) { stream_.async_connect(Local::endpoint(path_.native()), done); });
        } catch (const std::exception& error) {  // the path does not fit an address
            return failure("cannot connect", error.what());
        }
    }

    Status send(http::verb method, std::string_view target, std::string_view body) {
        http::request<http::string_body> request(method, {target.data(), target.size()}, 11);
        request.set(http::field::host, "localhost");
        request.keep_alive(false);
        if (method == http::verb::post) {
            request.set(http::field::content_type, "application/json");
            request.body() = body;
            request.prepare_payload();
        }
        stream_.expires_after(timeout_);
        // A server that refuses early closes its end: its answer is still there to be read.
        (void)wait("cannot send", [&](auto done) { http::async_write(stream_, request, done); });
        return {};
    }

    Result<ClientReply> receive() {
        http::response_parser<http::string_body> parser;
        parser.body_limit(kMaxBody);
        stream_.expires_after(timeout_);
        const Status read = wait("no answer", [&](auto done) { http::async_read(stream_, buffer_, parser, done); });
        if (!read) {
            return read.error();
        }
        return ClientReply{.status = parser.get().result_int(), .body = parser.get().body()};
    }

    Status receive_lines(const std::function<bool(std::string_view line)>& line);

  private:
    template <class Start>
    Status wait(std::string_view what, Start start) {
        ErrorCode result = asio::error::operation_aborted;
        start([&result](ErrorCode error, auto...) { result = error; });
        io_.restart();
        io_.run();
        last_ = result;
        return result ? failure(what, result.message()) : Status();
    }

    Status failure(std::string_view what, std::string_view why) const {
        return Error{fmt::format("{}: {}: {}", path_.native(), what, why)};
    }

    const std::filesystem::path path_;
    const std::chrono::milliseconds timeout_;
    asio::io_context io_;
    boost::beast::basic_stream<Local> stream_;
    boost::beast::flat_buffer buffer_;
    ErrorCode last_;
};

/// Cuts complete lines off `pending` and hands them out; false when the receiver has enough.
bool hand_out_lines(std::string& pending, const std::function<bool(std::string_view line)>& line) {
    std::size_t begin = 0;
    for (std::size_t end = 0; (end = pending.find('\n', begin)) != std::string::npos; begin = end + 1) {
        if (!line(std::string_view(pending).substr(begin, end - begin))) {
            return false;
        }
    }
    pending.erase(0, begin);
    return true;
}

Status Call::receive_lines(const std::function<bool(std::string_view line)>& line) {
    http::response_parser<http::buffer_body> parser;
    parser.body_limit(std::numeric_limits<std::uint64_t>::max());
    stream_.expires_after(timeout_);
    if (const Status header =
            wait("no answer", [&](auto done) { http::async_read_header(stream_, buffer_, parser, done); });
        !header) {
        return header;
    }
    const unsigned status = parser.get().result_int();
    std::string pending;
    std::string piece(4096, '\0');
    stream_.expires_never();
    while (!parser.is_done()) {
        parser.get().body() = {piece.data(), piece.size(), true};
        const Status read =
            wait("the stream broke off", [&](auto done) { http::async_read_some(stream_, buffer_, parser, done); });
        pending.append(piece, 0, piece.size() - parser.get().body().size);
        if (status == 200 && !hand_out_lines(pending, line)) {
            return {};
        }
        if (!read && last_ != http::error::need_buffer) {
            return read;
        }
    }
    return status == 200 ? failure("the stream ended", "the daemon stopped or dropped this reader")
                         : failure("refused", error_text(pending));
}

}  // namespace

Client::Client(std::filesystem::path socket, std::chrono::milliseconds timeout)
    : socket_(std::move(socket)), timeout_(timeout) {}

namespace {

Result<ClientReply> exchange(const Client& client, std::chrono::milliseconds timeout, http::verb method,
                             std::string_view target, std::string_view body) {
    Call call(client.socket(), timeout);
    if (const Status connected = call.connect(); !connected) {
        return connected.error();
    }
    if (const Status sent = call.send(method, target, body); !sent) {
        return sent.error();
    }
    return call.receive();
}

}  // namespace

Result<ClientReply> Client::get(std::string_view target) const {
    return exchange(*this, timeout_, http::verb::get, target, {});
}

Result<ClientReply> Client::post(std::string_view target, std::string_view json) const {
    return exchange(*this, timeout_, http::verb::post, target, json);
}

Status Client::stream(std::string_view target, const std::function<bool(std::string_view line)>& line) const {
    Call call(socket_, timeout_);
    if (const Status connected = call.connect(); !connected) {
        return connected;
    }
    if (const Status sent = call.send(http::verb::get, target, {}); !sent) {
        return sent;
    }
    return call.receive_lines(line);
}

}  // namespace homeward::admin
