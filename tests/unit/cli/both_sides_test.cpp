#include <gtest/gtest.h>

#include <atomic>
#include <nlohmann/json.hpp>
#include <sstream>
#include <thread>

#include "admin/event_log.h"
#include "admin/server.h"
#include "command.h"
#include "daemon_loop.h"

namespace homeward::cli {
namespace {

using admin::Request;
using nlohmann::json;

/// A machine on which both daemons' sockets answer.
class BothSides : public testing::Test {
  protected:
    BothSides()
        : sockets_{directory_ / "control.sock", directory_ / "mn.sock"},
          control_(sockets_[0], loop_.executor()),
          node_(sockets_[1], loop_.executor()) {
        serve(control_, "home-agent", control_events_);
        serve(node_, "mobile-node", node_events_);
        control_.get("/v1/bindings", [](const Request&) { return admin::json_reply({{"bindings", json::array()}}); });
        EXPECT_TRUE(control_.start().ok() && node_.start().ok());
    }
    ~BothSides() override {
        control_.stop();
        node_.stop();
    }

    static void serve(admin::Server& server, const std::string& role, admin::EventLog& events) {
        server.get("/v1/status", [role](const Request&) { return admin::json_reply({{"role", role}}); });
        server.get("/v1/route", [role](const Request& request) {
            return admin::json_reply(
                {{"to", request.parameter("to")},
                 {"chosen", role},
                 {"why", std::string(request.parameter("port")) + " for " + std::string(request.parameter("node"))}});
        });
        server.post("/v1/reload", [](const Request&) {
            return admin::json_reply({{"applied", true}, {"needs_restart", json::array({"ports"})}});
        });
        server.stream("/v1/events", events);
    }

    int run(const std::vector<std::string>& arguments) {
        return cli::run(arguments,
                        {.out = out_, .err = err_, .socket = "", .usual = sockets_, .now_unix = [] { return 0.0; }});
    }

    admin::TemporaryDirectory directory_;
    const std::vector<std::filesystem::path> sockets_;
    admin::EventLog control_events_, node_events_;
    admin::DaemonLoop loop_;
    admin::Server control_, node_;
    std::ostringstream out_, err_;
};

TEST_F(BothSides, AreShownTogether) {
    ASSERT_EQ(run({"show"}), kSuccess) << err_.str();
    const std::string text = out_.str();
    EXPECT_TRUE(text.starts_with("home agent: ")) << text;
    EXPECT_NE(text.find("\nmobile node: "), std::string::npos) << text;
    out_.str("");
    ASSERT_EQ(run({"show", "--json"}), kSuccess);
    const json everything = json::parse(out_.str());
    EXPECT_EQ(everything["mobile-node"]["status"]["role"], "mobile-node");
    EXPECT_TRUE(everything["home-agent"]["bindings"]["bindings"].is_array());
}

TEST_F(BothSides, TheOneThatHasItIsAskedForBindings) {
    EXPECT_EQ(run({"show", "bindings", "--json"}), kSuccess) << err_.str();
    EXPECT_EQ(out_.str(), "{\"bindings\":[]}\n");
}

TEST_F(BothSides, TheNodeRoutesUnlessAnotherIsNamed) {
    EXPECT_EQ(run({"route", "get", "192.0.2.1", "--port", "53"}), kSuccess) << err_.str();
    EXPECT_TRUE(out_.str().starts_with("192.0.2.1 by mobile-node")) << out_.str();
    out_.str("");
    EXPECT_EQ(run({"route", "get", "192.0.2.1", "--port", "53", "--node", "a+b@example.org"}), kSuccess);
    EXPECT_TRUE(out_.str().starts_with("192.0.2.1 by home-agent")) << out_.str();
    EXPECT_NE(out_.str().find("53 for a+b@example.org"), std::string::npos) << out_.str();
}

TEST_F(BothSides, BothReload) {
    EXPECT_EQ(run({"reload"}), kSuccess) << err_.str();
    for (const char* daemon : {"homeward-control", "homeward-mn"}) {
        EXPECT_NE(out_.str().find(std::string(daemon) + ": configuration applied\n"), std::string::npos) << out_.str();
        EXPECT_NE(out_.str().find("only after a restart: ports"), std::string::npos) << out_.str();
    }
}

/// What the monitor wrote; `complete` once both daemons are in it.
struct Seen : std::stringbuf {
    std::atomic<bool> complete{false};

    int sync() override {
        const std::string text = str();
        complete = text.find("homeward-control") != std::string::npos && text.find("homeward-mn") != std::string::npos;
        return 0;
    }
};

TEST_F(BothSides, EventsOfBothAreFollowedUntilTheDaemonsEnd) {
    Seen seen;
    out_.std::ostream::rdbuf(&seen);
    int status = -1;
    std::atomic<bool> ended{false};
    std::thread monitor([&] {
        status = run({"monitor"});
        ended = true;
    });
    // Nobody announces that a monitor has subscribed: events are pushed until one of each side has come through.
    for (int i = 0; i < 3000 && !seen.complete; ++i) {
        control_events_.push("binding-registered", "158.132.10.12 is here");
        node_events_.push("uplink-down", "wlan lost its carrier\x1b[31m");
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    EXPECT_FALSE(ended);
    control_.stop();
    node_.stop();
    monitor.join();
    EXPECT_EQ(status, kFailure) << "it was not its user who ended it";
    const std::string text = seen.str();
    EXPECT_NE(text.find("homeward-control  "), std::string::npos) << text;
    EXPECT_NE(text.find("binding-registered      158.132.10.12 is here\n"), std::string::npos) << text;
    EXPECT_NE(text.find("uplink-down             wlan lost its carrier?[31m\n"), std::string::npos) << text;
    EXPECT_EQ(text.find('\x1b'), std::string::npos) << "a terminal obeys nothing that comes from a daemon";
    EXPECT_NE(err_.str().find("the stream ended"), std::string::npos) << err_.str();
}

}  // namespace
}  // namespace homeward::cli
