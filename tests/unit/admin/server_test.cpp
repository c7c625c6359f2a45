#include "admin/server.h"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <fstream>
#include <future>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "admin/client.h"
#include "daemon_loop.h"

namespace homeward::admin {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

class AdminServer : public ::testing::Test {
  protected:
    void serve(ServerLimits limits = {}) {
        server_ = std::make_unique<Server>(socket_, loop_.executor(), limits);
        server_->get("/v1/status", [this](const Request&) {
            return json_reply(json{{"on_loop", std::this_thread::get_id() == loop_.thread_id()}});
        });
        server_->get("/v1/echo", [](const Request& request) { return json_reply(json(request.query)); });
        server_->post("/v1/uplinks/*", [](const Request& request) {
            const auto body = json_body(request);
            return body ? json_reply(json{{"name", request.tail}, {"action", (*body)["action"]}})
                        : error_reply(400, body.error().text);
        });
        server_->get("/v1/throws", [](const Request&) -> Reply { throw std::runtime_error("out of cheese"); });
        server_->get("/v1/odd", [](const Request&) { return json_reply(json{{"nai", "\xff"}}); });
        server_->get_deferred("/v1/never", [](const Request&, const Respond&) {});
        server_->get_deferred("/v1/later", [this](const Request&, const Respond& respond) {
            loop_.post([respond] {
                respond(json_reply(json{{"first", true}}));
                respond(json_reply(json{{"second", true}}));
            });
        });
        server_->stream("/v1/events", events_);
        const Status started = server_->start();
        ASSERT_TRUE(started.ok()) << started.error().text;
    }

    Client client() const { return Client(socket_); }

    TemporaryDirectory directory_;
    std::filesystem::path socket_ = directory_ / "run" / "admin.sock";
    EventLog events_{64};
    DaemonLoop loop_;
    std::unique_ptr<Server> server_;
};

/// Sends `text` as it is and returns all that comes back.
std::string raw_exchange(const std::filesystem::path& socket, std::string_view text, bool half_close = true) {
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
    EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    while (!text.empty()) {
        const ssize_t sent = ::send(fd, text.data(), text.size(), MSG_NOSIGNAL);
        if (sent <= 0) {
            break;
        }
        text.remove_prefix(static_cast<std::size_t>(sent));
    }
    if (half_close) {
        ::shutdown(fd, SHUT_WR);
    }
    std::string answer;
    std::array<char, 4096> piece{};
    for (ssize_t size = 0; (size = ::recv(fd, piece.data(), piece.size(), 0)) > 0;) {
        answer.append(piece.data(), static_cast<std::size_t>(size));
    }
    ::close(fd);
    return answer;
}

struct Output {
    int exit = -1;
    std::string text;
};
Output run(const std::string& command) {
    Output output;
    std::FILE* pipe = ::popen((command + " 2>&1").c_str(), "r");
    std::array<char, 4096> piece{};
    for (std::size_t size = 0; (size = std::fread(piece.data(), 1, piece.size(), pipe)) > 0;) {
        output.text.append(piece.data(), size);
    }
    output.exit = WEXITSTATUS(::pclose(pipe));
    return output;
}

std::string curl(const std::filesystem::path& socket, const std::string& arguments) {
    return run("curl --silent --show-error --max-time 20 --unix-socket " + socket.string() + " " + arguments).text;
}

/// Reads the event stream on a thread; `lines` as they came.
class Reader {
  public:
    Reader(const Client& client, EventLog& events) : thread_([this, client] { read(client); }) {
        // Subscribed for certain only when the first line is here.
        while (first_.wait_for(5ms) != std::future_status::ready) {
            events.push("first", "");
        }
    }
    Status end() {
        thread_.join();
        return status_;
    }
    std::vector<json> lines;  ///< after end()

  private:
    void read(const Client& client) {
        status_ = client.stream("/v1/events", [this](std::string_view line) {
            const json event = json::parse(line);
            if (lines.empty()) {
                started_.set_value();
            }
            lines.push_back(event);
            return event["event"] != "last";
        });
    }
    std::promise<void> started_;
    std::future<void> first_ = started_.get_future();
    Status status_;
    std::thread thread_;
};

TEST_F(AdminServer, HandlersRunOnTheLoop) {
    serve();
    const auto reply = client().get("/v1/status");
    ASSERT_TRUE(reply.ok()) << reply.error().text;
    EXPECT_EQ(reply->status, 200U);
    EXPECT_EQ(json::parse(reply->body), json({{"on_loop", true}}));
}

TEST_F(AdminServer, AnswersRequests) {
    serve();
    struct Row {
        const char* method;
        const char* target;
        const char* body;
        unsigned status;
        const char* answer;  ///< part of the body
    };
    const Row rows[] = {
        {"GET", "/v1/echo?node=a%26b+c&all", "", 200, R"({"all":"","node":"a&b+c"})"},
        {"GET", "/v1/later", "", 200, R"({"first":true})"},
        {"GET", "/v1/odd", "", 200, "nai"},
        {"POST", "/v1/uplinks/wlan", R"({"action":"drain"})", 200, R"({"action":"drain","name":"wlan"})"},
        {"POST", "/v1/uplinks/my%20lan", R"({"action":"up"})", 200, R"("name":"my lan")"},
        {"POST", "/v1/uplinks/wlan", "drain", 400, R"({"error":"the body is not a JSON object"})"},
        {"POST", "/v1/uplinks/wlan", "", 400, "not a JSON object"},
        {"GET", "/v1/throws", "", 500, "out of cheese"},
        {"GET", "/v1/nothing", "", 404, "nothing at /v1/nothing"},
        {"POST", "/v1/status", "{}", 405, "/v1/status takes GET"},
        {"GET", "/v1/uplinks/wlan", "", 405, "takes POST"},
        {"GET", "/v1/%zz", "", 400, "not a path"},
    };
    for (const Row& row : rows) {
        const auto reply =
            std::string_view(row.method) == "GET" ? client().get(row.target) : client().post(row.target, row.body);
        ASSERT_TRUE(reply.ok()) << row.target << ": " << reply.error().text;
        EXPECT_EQ(reply->status, row.status) << row.target;
        EXPECT_NE(reply->body.find(row.answer), std::string::npos) << row.target << ": " << reply->body;
        EXPECT_TRUE(reply->body.ends_with('\n')) << row.target;
        if (row.status >= 400) {
            EXPECT_EQ(error_text(reply->body), json::parse(reply->body)["error"].get<std::string>());
        }
    }
}

TEST_F(AdminServer, SpeaksToCurl) {
    serve();
    EXPECT_EQ(curl(socket_, "http://localhost/v1/status"), "{\"on_loop\":true}\n");
    EXPECT_EQ(curl(socket_, "http://localhost/v1/status http://localhost/v1/echo?a=b"),
              "{\"on_loop\":true}\n{\"a\":\"b\"}\n")
        << "two requests on one connection";
    EXPECT_EQ(curl(socket_, R"(-d '{"action":"up"}' http://localhost/v1/uplinks/wlan)"),
              "{\"action\":\"up\",\"name\":\"wlan\"}\n");
    EXPECT_EQ(curl(socket_, "-o /dev/null -w '%{http_code} %{content_type}' http://localhost/v1/nothing"),
              "404 application/json");
}

TEST_F(AdminServer, RefusesMalformedRequests) {
    serve(ServerLimits{.idle = 2s});
    const std::string long_header = "GET /v1/status HTTP/1.1\r\nX: " + std::string(64 * 1024, 'x') + "\r\n\r\n";
    const std::string long_body =
        "POST /v1/uplinks/wlan HTTP/1.1\r\nHost: x\r\nContent-Length: 900000\r\n\r\n" + std::string(900000, ' ');
    const std::string endless_chunks =
        "POST /v1/uplinks/wlan HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n20000\r\n" +
        std::string(0x20000, ' ') + "\r\n0\r\n\r\n";
    struct Row {
        std::string request;
        const char* answer;  ///< how it begins; "": the connection ends without one
    };
    const Row rows[] = {
        {"\x16\x03\x01 hello TLS\r\n\r\n", "HTTP/1.1 400"},
        {"GET\r\n\r\n", "HTTP/1.1 400"},
        {"GET /v1/status\r\n\r\n", "HTTP/1.1 400"},
        {"GET /v1/status HTTP/9.9\r\n\r\n", "HTTP/1.1 400"},
        {"GET * HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 400"},
        {"POST /v1/uplinks/wlan HTTP/1.1\r\nContent-Length: many\r\n\r\n", "HTTP/1.1 400"},
        {"POST /v1/uplinks/wlan HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 400"},
        {"DELETE /v1/status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", "HTTP/1.1 405"},
        {long_header, "HTTP/1.1 431"},
        {long_body, "HTTP/1.1 413"},
        {endless_chunks, "HTTP/1.1 413"},
        {"", ""},
        {"GET /v1/sta", ""},
        {"POST /v1/uplinks/wlan HTTP/1.1\r\nContent-Length: 10\r\n\r\n{", ""},
    };
    for (const Row& row : rows) {
        const std::string answer = raw_exchange(socket_, row.request);
        const std::string shown = row.request.substr(0, 60);
        if (*row.answer == '\0') {
            EXPECT_EQ(answer, "") << shown;
        } else {
            EXPECT_TRUE(answer.starts_with(row.answer)) << shown << "\n-> " << answer.substr(0, 100);
        }
    }
    const auto still = client().get("/v1/status");
    EXPECT_TRUE(still.ok() && still->status == 200);
}

TEST_F(AdminServer, EndsAConnectionThatStallsInARequest) {
    serve(ServerLimits{.idle = 50ms});
    EXPECT_EQ(raw_exchange(socket_, "GET /v1/status HTTP/1.1\r\nHos", false), "");
}

TEST_F(AdminServer, AnswersForAHandlerThatDoesNot) {
    serve(ServerLimits{.handler = 50ms});
    const auto reply = client().get("/v1/never");
    ASSERT_TRUE(reply.ok()) << reply.error().text;
    EXPECT_EQ(reply->status, 504U);
}

TEST_F(AdminServer, RefusesConnectionsBeyondTheLimit) {
    serve(ServerLimits{.connections = 1});
    Reader reader(client(), events_);
    const auto reply = client().get("/v1/status");
    ASSERT_TRUE(reply.ok()) << reply.error().text;
    EXPECT_EQ(reply->status, 503U);
    server_->stop();
    EXPECT_FALSE(reader.end().ok());
}

TEST_F(AdminServer, ServesManyClientsAtOnce) {
    serve();
    std::atomic<int> good{0};
    std::vector<std::thread> threads;
    threads.reserve(8);
    for (int t = 0; t < 8; ++t) {
        threads.emplace_back([&, t] {
            for (int i = 0; i < 25; ++i) {
                const auto reply = client().get(fmt::format("/v1/echo?n={}", t * 100 + i));
                good += reply.ok() && json::parse(reply->body)["n"] == std::to_string(t * 100 + i) ? 1 : 0;
            }
        });
    }
    for (std::thread& thread : threads) {
        thread.join();
    }
    EXPECT_EQ(good, 200);
}

TEST_F(AdminServer, StreamsEventsInOrder) {
    serve();
    Reader reader(client(), events_);
    for (int i = 0; i < 20; ++i) {
        events_.push("tick", "", json{{"number", i}});
    }
    events_.push("last", "");
    const Status ended = reader.end();
    EXPECT_TRUE(ended.ok()) << (ended.ok() ? "" : ended.error().text);
    int expected = 0;
    for (const json& line : reader.lines) {
        if (line["event"] == "tick") {
            EXPECT_EQ(line["number"], expected++);
        }
    }
    EXPECT_EQ(expected, 20);
}

TEST_F(AdminServer, StopsWhileStreaming) {
    serve();
    Reader reader(client(), events_);
    server_->stop();
    events_.push("after", "nobody is there");
    EXPECT_FALSE(reader.end().ok());
    EXPECT_FALSE(std::filesystem::exists(socket_));
}

TEST_F(AdminServer, TellsAReaderThatMissedEvents) {
    serve();
    // A reader that does not read: the socket's buffer fills, then the queue, then it is dropped.
    const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    constexpr std::string_view kRequest = "GET /v1/events HTTP/1.1\r\nHost: x\r\n\r\n";
    ASSERT_EQ(::send(fd, kRequest.data(), kRequest.size(), 0), static_cast<ssize_t>(kRequest.size()));
    std::array<char, 65536> piece{};
    ASSERT_GT(::recv(fd, piece.data(), piece.size(), 0), 0) << "the header: it is subscribed";
    const std::string big(100'000, 'x');
    for (int i = 0; i < 200; ++i) {
        events_.push("big", big);
    }
    std::string tail;
    for (ssize_t size = 0; (size = ::recv(fd, piece.data(), piece.size(), 0)) > 0;) {
        tail.append(piece.data(), static_cast<std::size_t>(size));
        tail.erase(0, tail.size() > 4096 ? tail.size() - 4096 : 0);
    }
    ::close(fd);
    EXPECT_NE(tail.find("\"events-lost\""), std::string::npos) << tail;
}

TEST_F(AdminServer, StopsFromAHandler) {
    serve();
    std::promise<void> stopped;
    loop_.post([&] {
        server_->stop();
        stopped.set_value();
    });
    stopped.get_future().wait();
    EXPECT_FALSE(client().get("/v1/status").ok());
}

TEST_F(AdminServer, OutlivesItsLoop) {
    serve(ServerLimits{.handler = 50ms});
    loop_.stop();
    const auto reply = client().get("/v1/status");
    ASSERT_TRUE(reply.ok()) << reply.error().text;
    EXPECT_EQ(reply->status, 504U) << "the loop is gone, the client still gets an answer";
    server_.reset();
}

TEST_F(AdminServer, AnswersInFlightDieWithTheServer) {
    serve();
    std::promise<void> reached;
    loop_.post([&] { reached.get_future().wait(); });  // holds the loop: the request waits in its queue
    std::thread asking([&] { EXPECT_FALSE(client().get("/v1/status").ok()); });
    std::this_thread::sleep_for(20ms);
    server_.reset();
    asking.join();
    reached.set_value();  // now the loop finds the request, and nobody to answer it for
    std::promise<void> through;
    loop_.post([&] { through.set_value(); });
    through.get_future().wait();
}

TEST_F(AdminServer, SocketFile) {
    serve();
    struct stat status {};
    ASSERT_EQ(::stat(socket_.c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0660U);

    Server second(socket_, loop_.executor());
    const Status refused = second.start();
    ASSERT_FALSE(refused.ok());
    EXPECT_NE(refused.error().text.find("another process answers"), std::string::npos) << refused.error().text;
    EXPECT_TRUE(client().get("/v1/status").ok()) << "the first one still serves";

    server_->stop();
    server_->stop();
    EXPECT_FALSE(std::filesystem::exists(socket_));
    EXPECT_TRUE(second.start().ok());
}

TEST_F(AdminServer, ReplacesWhatAKilledProcessLeft) {
    std::filesystem::create_directories(socket_.parent_path());
    const int left = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    socket_.native().copy(address.sun_path, sizeof(address.sun_path) - 1);
    ASSERT_EQ(::bind(left, reinterpret_cast<const sockaddr*>(&address), sizeof(address)), 0);
    ::close(left);
    serve();
    EXPECT_TRUE(client().get("/v1/status").ok());
}

TEST_F(AdminServer, StartErrorsNameThePath) {
    std::ofstream(directory_ / "file") << "precious";
    struct Row {
        std::filesystem::path path;
        const char* text;
    };
    const Row rows[] = {
        {directory_ / "file", "not a socket"},
        {directory_ / "file/admin.sock", "cannot create its directory"},
        {directory_ / std::string(200, 'x'), "1 to 107 bytes"},
        {"/proc/homeward/admin.sock", "/proc/homeward"},
    };
    for (const Row& row : rows) {
        Server server(row.path, loop_.executor());
        const Status started = server.start();
        ASSERT_FALSE(started.ok()) << row.path;
        EXPECT_NE(started.error().text.find(row.text), std::string::npos) << started.error().text;
        EXPECT_NE(started.error().text.find(row.path.native()), std::string::npos) << started.error().text;
    }
    EXPECT_TRUE(std::filesystem::exists(directory_ / "file"));
}

TEST_F(AdminServer, ClientErrorsNameTheSocket) {
    for (const auto& path : {directory_ / "nobody.sock", directory_ / std::string(200, 'x')}) {
        const auto reply = Client(path).get("/v1/status");
        ASSERT_FALSE(reply.ok());
        EXPECT_TRUE(reply.error().text.starts_with(path.native() + ": cannot connect")) << reply.error().text;
    }
    serve();
    const Status stream = client().stream("/v1/nothing", [](std::string_view) { return true; });
    ASSERT_FALSE(stream.ok());
    EXPECT_NE(stream.error().text.find("nothing at /v1/nothing"), std::string::npos) << stream.error().text;
}

}  // namespace
}  // namespace homeward::admin
