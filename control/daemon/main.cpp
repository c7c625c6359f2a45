#include <spdlog/spdlog.h>
#include <systemd/sd-daemon.h>

#include <CLI/CLI.hpp>
#include <ctime>
#include <filesystem>
#include <iostream>

#define ASIO_STANDALONE
#include <asio.hpp>

#include "admin/server.h"
#include "admin_api.h"
#include "config/home_agent.h"
#include "netlink.h"
#include "service.h"
#include "store/store.h"
#include "twins.h"

namespace homeward::daemon {
namespace {

int fail(const Error& error) {
    std::cerr << "homeward-control: " << error.text << '\n';
    return 1;
}

void notify_reloading() {
    timespec at{};
    ::clock_gettime(CLOCK_MONOTONIC, &at);
    ::sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%lld",
                 static_cast<long long>(at.tv_sec) * 1000000 + static_cast<long long>(at.tv_nsec) / 1000);
}

void reload_on_hangup(asio::signal_set& hangup, Service& service) {
    hangup.async_wait([&](const asio::error_code& error, int) {
        if (error) {
            return;
        }
        notify_reloading();
        static_cast<void>(service.reload());
        ::sd_notify(0, "READY=1");
        reload_on_hangup(hangup, service);
    });
}

int run(const std::filesystem::path& file, const config::HomeAgent& config) {
    auto netlink = Netlink::open();
    if (!netlink) {
        return fail(netlink.error());
    }
    if (const Status ready = create_twins(config, *netlink); !ready) {
        return fail(ready.error());
    }
    auto store = store::Store::open(config.state);
    if (!store) {
        return fail(store.error());
    }
    asio::io_context loop(1);
    Service service(loop, file, config, std::move(netlink).value(), std::move(store).value());
    admin::Server server(config.admin_socket,
                         [&loop](std::function<void()> work) { asio::post(loop, std::move(work)); });
    AdminApi api(service);
    api.add_routes(server);
    if (const Status started = service.start(); !started) {
        return fail(started.error());
    }
    if (const Status started = server.start(); !started) {
        return fail(started.error());
    }
    asio::signal_set stop(loop, SIGTERM, SIGINT);
    asio::signal_set hangup(loop, SIGHUP);
    stop.async_wait([&](const asio::error_code&, int) {
        ::sd_notify(0, "STOPPING=1");
        loop.stop();
    });
    reload_on_hangup(hangup, service);
    ::sd_notify(0, "READY=1");
    loop.run();
    spdlog::info("stopping; the data plane goes on forwarding");
    server.stop();
    service.stop();
    return 0;
}

}  // namespace
}  // namespace homeward::daemon

int main(int argc, char** argv) {
    CLI::App app("The home agent's control plane: registrations, policies and state.");
    std::filesystem::path file = "/etc/homeward/ha.yaml";
    bool check = false;
    bool verbose = false;
    app.add_option("--config", file, "configuration file")->capture_default_str();
    app.add_flag("--check", check, "read and validate the configuration, then exit");
    app.add_flag("--verbose", verbose, "log more");
    app.set_version_flag("--version", HOMEWARD_RELEASE);
    try {
        app.parse(argc, argv);
    } catch (const CLI::ParseError& error) {
        return app.exit(error) == 0 ? 0 : 2;
    }
    const auto config = homeward::config::load_home_agent(file);
    if (!config) {
        return homeward::daemon::fail(config.error());
    }
    if (check) {
        std::cout << file.string() << ": valid, " << config->nodes.size() << " nodes\n";
        return 0;
    }
    spdlog::set_level(verbose ? spdlog::level::debug : spdlog::level::info);
    spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %^%l%$ %v");
    return homeward::daemon::run(file, *config);
}
