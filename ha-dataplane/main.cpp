#include <fmt/format.h>
#include <linux/capability.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>

#include "config/home_agent.h"
#include "dataplane.h"
#include "tables/shared.h"

namespace {

int fail(const std::string& text) {
    fmt::print(stderr, "homeward-dataplane: {}\n", text);
    return 1;
}

/// Said before DPDK says it in several other ways.
bool has_network_capabilities() {
    std::ifstream status("/proc/self/status");
    for (std::string word; status >> word;) {
        if (word == "CapEff:") {
            std::uint64_t held = 0;
            status >> std::hex >> held;
            constexpr std::uint64_t kNeeded = std::uint64_t{1} << CAP_NET_ADMIN | std::uint64_t{1} << CAP_NET_RAW;
            return (held & kNeeded) == kNeeded;
        }
    }
    return true;  // no /proc: let the devices decide
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"Homeward's data plane: forwards between mobile nodes' tunnels and the home networks."};
    std::string file = "/etc/homeward/ha.yaml";
    bool check = false, verbose = false;
    app.add_option("--config", file, "The home agent's configuration")->capture_default_str();
    app.add_flag("--check", check, "Read and validate the configuration, then exit");
    app.add_flag("--verbose", verbose, "Show what DPDK says, too");
    app.set_version_flag("--version", HOMEWARD_RELEASE);
    CLI11_PARSE(app, argc, argv);

    const auto config = homeward::config::load_home_agent(file);
    if (!config) {
        return fail(config.error().text);
    }
    if (config->ports.empty()) {
        return fail(fmt::format("{}: ports: at least one is needed", file));
    }
    if (config->ports.size() > homeward::tables::kMaxPorts) {
        return fail(fmt::format("{}: ports: {} of them, {} are possible", file, config->ports.size(),
                                homeward::tables::kMaxPorts));
    }
    if (check) {
        return 0;
    }
    if (!has_network_capabilities()) {
        return fail(
            "no permission: needs CAP_NET_ADMIN and CAP_NET_RAW, for AF_XDP CAP_SYS_ADMIN and CAP_IPC_LOCK, too; run "
            "as root");
    }
    spdlog::set_default_logger(spdlog::stderr_logger_mt("homeward-dataplane"));
    spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
    std::signal(SIGHUP, SIG_IGN);  // control reloads and tells; a terminal that closes must not end forwarding
    std::signal(SIGPIPE, SIG_IGN);
    homeward::Dataplane dataplane{*config, verbose};
    if (homeward::Status started = dataplane.start(); !started) {
        return fail(started.error().text);
    }
    dataplane.run();
    return 0;
}
