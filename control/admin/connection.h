#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/basic_stream.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "service.h"

namespace homeward::admin {

/// One client: reads a request, has it handled on the daemon's loop, writes the answer, reads the next; or, after a
/// request for a stream, writes events until either side ends it. Kept alive by its own pending operations.
class Connection : public std::enable_shared_from_this<Connection> {
  public:
    using Socket = boost::asio::local::stream_protocol::socket;

    Connection(const std::shared_ptr<Service>& service, Socket socket);
    ~Connection();
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void serve() { read(); }
    /// Answers with `reply` without reading a request.
    void refuse(const Reply& reply);
    /// Ends it now; pending operations fail.
    void close();

  private:
    using ErrorCode = boost::system::error_code;
    using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
    using Response = boost::beast::http::response<boost::beast::http::string_body>;

    void read();
    void on_read(ErrorCode error);
    void route();
    void handle(const DeferredHandler& handler, Request request);
    /// An answer for the request number `turn`; another than the current one's comes too late.
    void answered(std::uint64_t turn, const Reply& reply);
    void write(const Reply& reply, bool keep_alive, const std::string& allow = {});
    void fail(unsigned status, std::string_view text) { write(error_reply(status, text), false); }
    /// Half-closes and reads what is still coming, so that the client gets to read the answer.
    void linger(std::size_t budget);

    void begin_stream(EventLog& log);
    void pump();
    void write_lines();
    void watch_for_end();

    const std::weak_ptr<Service> service_;
    const ServerLimits limits_;
    boost::beast::basic_stream<boost::asio::local::stream_protocol> stream_;
    boost::asio::steady_timer deadline_;
    boost::beast::flat_buffer buffer_;
    std::optional<Parser> parser_;
    std::optional<Response> response_;
    std::uint64_t turn_ = 0;  ///< counts requests and their answers
    std::shared_ptr<Subscription> subscription_;
    std::string lines_;
    bool writing_ = false;
    bool last_ = false;
};

}  // namespace homeward::admin
