/// homeward-mn: the agent on the mobile node.
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <asio.hpp>
#include <cstdio>
#include <exception>
#include <string>

#include "agent.h"
#include "service_manager.h"
#include "views.h"

namespace homeward::mn {
namespace {

/// For as long as it takes the loop to see what made it unhappy; then one line and status 1.
int fail(const std::string& text) {
    std::fprintf(stderr, "homeward-mn: %s\n", text.c_str());
    return 1;
}

void log_to_stderr() {
    auto logger = spdlog::stderr_logger_mt("homeward-mn");
    logger->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l: %v");
    logger->flush_on(spdlog::level::info);
    spdlog::set_default_logger(std::move(logger));
}

/// SIGHUP reloads, SIGTERM and SIGINT end; a second one of these ends at once.
class Signals {
  public:
    Signals(asio::io_context& io, Agent& agent) : io_(io), agent_(agent), signals_(io, SIGHUP, SIGTERM, SIGINT) {
        wait();
    }

  private:
    void wait() {
        signals_.async_wait([this](const asio::error_code& error, int signal) {
            if (error) {
                return;
            }
            if (signal == SIGHUP) {
                agent_.reload([](const ReloadOutcome&) {});
            } else if (ending_) {
                return io_.stop();
            } else {
                ending_ = true;
                tell_service_manager("STOPPING=1");
                agent_.shut_down([this] { io_.stop(); });
            }
            wait();
        });
    }

    asio::io_context& io_;
    Agent& agent_;
    asio::signal_set signals_;
    bool ending_ = false;
};

int run(const std::string& file, bool check) {
    Result<config::MobileNode> config = config::load_mobile_node(file);
    if (!config) {
        return fail(config.error().text);
    }
    if (check) {
        const Result<policy::Table> table = policy::Table::compile(config->policy.policy);
        return table ? 0 : fail(config->policy.file.string() + ": " + table.error().text);
    }
    log_to_stderr();
    for (const std::string& warning : config->warnings) {
        spdlog::warn("{}", warning);
    }
    asio::io_context io{1};
    const std::filesystem::path socket = config->admin_socket;
    Agent agent{io, std::move(*config), file};
    admin::Server server{socket, [&io](std::function<void()> work) { asio::post(io, std::move(work)); }};
    serve(server, agent);
    // The socket first: it tells whether another agent runs before anything is changed.
    if (const Status status = server.start(); !status) {
        return fail(status.error().text);
    }
    if (const Status status = agent.start(); !status) {
        return fail(status.error().text);
    }
    Signals signals{io, agent};
    tell_service_manager("READY=1");
    io.run();
    server.stop();
    return 0;
}

}  // namespace
}  // namespace homeward::mn

int main(int argc, char** argv) {
    CLI::App app{"Homeward's agent on the mobile node"};
    std::string file = "/etc/homeward/mn.yaml";
    bool check = false;
    app.add_option("--config", file, "Configuration file")->capture_default_str();
    app.add_flag("--check", check, "Read and check the configuration, then end");
    app.set_version_flag("--version", HOMEWARD_RELEASE);
    CLI11_PARSE(app, argc, argv);
    try {
        return homeward::mn::run(file, check);
    } catch (const std::exception& error) {
        return homeward::mn::fail(error.what());
    }
}
