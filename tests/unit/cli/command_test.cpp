#include "command.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "admin/event_log.h"
#include "admin/server.h"
#include "daemon_loop.h"

namespace homeward::cli {
namespace {

using admin::Request;

/// A mobile node as its admin API shows it.
class Node : public testing::Test {
  protected:
    Node() : socket_(directory_ / "mn.sock"), server_(socket_, loop_.executor()) {
        server_.get("/v1/status", [](const Request&) {
            return admin::json_reply({{"role", "mobile-node"}, {"release", "0.1.0"}, {"pid", 7}, {"started_unix", 0}});
        });
        server_.get("/v1/drops", [](const Request&) { return admin::json_reply({{"drops", {{"up.too_big", 3}}}}); });
        server_.get("/v1/route", [](const Request& request) {
            return admin::json_reply({{"to", request.parameter("to")}, {"chosen", "wlan"}, {"why", "It says so."}});
        });
        server_.post("/v1/reload",
                     [](const Request&) { return admin::error_reply(422, "policy.yaml:3: rules[0].prefer: no"); });
        server_.post("/v1/uplinks/*", [this](const Request& request) {
            asked_ = request.tail + " " + request.body;
            return admin::json_reply({{"state", "draining"}});
        });
        EXPECT_TRUE(server_.start().ok());
    }
    ~Node() override { server_.stop(); }

    int run(const std::vector<std::string>& arguments) {
        out_.str("");
        err_.str("");
        return cli::run(arguments,
                        {.out = out_, .err = err_, .socket = socket_, .usual = {}, .now_unix = [] { return 63.0; }});
    }

    admin::TemporaryDirectory directory_;
    std::filesystem::path socket_;
    admin::DaemonLoop loop_;
    admin::Server server_;
    std::string asked_;
    std::ostringstream out_, err_;
};

TEST_F(Node, IsShownWithItsUptime) {
    EXPECT_EQ(run({"show"}), kSuccess) << err_.str();
    EXPECT_TRUE(out_.str().starts_with("mobile node: release 0.1.0, pid 7, up 1 minute, 3 seconds\n")) << out_.str();
}

TEST_F(Node, AnswersAsTheApiDoesForMachines) {
    EXPECT_EQ(run({"show", "drops", "--json"}), kSuccess);
    EXPECT_EQ(nlohmann::json::parse(out_.str()), (nlohmann::json{{"drops", {{"up.too_big", 3}}}}));
}

TEST_F(Node, HasNoBindingsAndTheCommandSaysWhoHas) {
    EXPECT_EQ(run({"show", "bindings"}), kFailure);
    EXPECT_EQ(err_.str(), "homeward: homeward-mn: bindings are held by the home agent; here `homeward show uplinks`\n");
}

TEST_F(Node, IsAskedForARoute) {
    EXPECT_EQ(run({"route", "get", "192.0.2.1"}), kSuccess);
    EXPECT_TRUE(out_.str().starts_with("192.0.2.1 by wlan")) << out_.str();
}

TEST_F(Node, DrainsAnUplink) {
    EXPECT_EQ(run({"uplink", "wlan", "drain"}), kSuccess);
    EXPECT_EQ(asked_, R"(wlan {"action":"drain"})");
    EXPECT_EQ(out_.str(), "uplink wlan: draining\n");
}

TEST_F(Node, KeepsItsConfigurationAndTheCommandFailsWhenAReloadIsRefused) {
    EXPECT_EQ(run({"reload"}), kFailure);
    EXPECT_EQ(err_.str(), "homeward: homeward-mn: policy.yaml:3: rules[0].prefer: no\n");
}

TEST_F(Node, UsageErrorsExitWith2AndAskNobody) {
    for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{
             {}, {"bogus"}, {"show", "weather"}, {"uplink", "wlan"}, {"uplink", "wlan", "explode"}, {"route", "get"}}) {
        EXPECT_EQ(run(wrong), kUsage) << testing::PrintToString(wrong);
        EXPECT_FALSE(err_.str().empty());
    }
    EXPECT_TRUE(asked_.empty());
}

TEST(Command, NamesTheSocketNobodyAnswersOn) {
    admin::TemporaryDirectory directory;
    std::ostringstream out, err;
    const std::string socket = directory / "none.sock";
    EXPECT_EQ(run({"--socket", socket, "show"},
                  {.out = out, .err = err, .socket = "", .usual = {}, .now_unix = [] { return 0.0; }}),
              kFailure);
    EXPECT_NE(err.str().find(socket), std::string::npos) << err.str();
    EXPECT_EQ(err.str().find('\n'), err.str().size() - 1) << err.str();
}

TEST(Command, ChecksAFileAndSaysWhereItIsWrong) {
    admin::TemporaryDirectory directory;
    const std::string file = directory / "policy.yaml";
    const auto check = [&](std::string_view text, std::ostringstream& out, std::ostringstream& err) {
        std::ofstream(file) << text;
        return run({"check", file},
                   {.out = out, .err = err, .socket = "", .usual = {}, .now_unix = [] { return 0.0; }});
    };
    std::ostringstream out, err;
    EXPECT_EQ(
        check("default: [wlan, cellular]\nrules:\n  - correspondent: 192.0.2.0/24\n    prefer: [cellular]\n", out, err),
        kSuccess)
        << err.str();
    EXPECT_NE(out.str().find(": ok, "), std::string::npos) << out.str();
    EXPECT_EQ(check("default: [wlan]\nrules:\n  - corespondent: 192.0.2.0/24\n", out, err), kFailure);
    EXPECT_NE(err.str().find("policy.yaml:3:"), std::string::npos) << err.str();
}

}  // namespace
}  // namespace homeward::cli
