#include "daemons.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "admin/message.h"

namespace homeward::cli {

using nlohmann::json;

namespace {

Result<Daemon> ask(const std::filesystem::path& socket) {
    Daemon daemon{.client = admin::Client(socket), .role = {}, .status = {}};
    const auto reply = daemon.client.get("/v1/status");
    if (!reply) {
        return reply.error();
    }
    const json status = json::parse(reply->body, nullptr, false);
    if (reply->status != 200 || !status.is_object()) {
        return Error{fmt::format("{}: not a Homeward daemon: {}", socket.native(), admin::error_text(reply->body))};
    }
    daemon.role = status.value("role", json()).is_string() ? status["role"].get<std::string>() : "";
    daemon.status = reply->body;
    return daemon;
}

/// One line for the person: what was tried, what came back, what to do.
Error nobody(const std::vector<std::string>& failures) {
    const bool permission = failures.front().find("Permission denied") != std::string::npos;
    return Error{fmt::format("no daemon answers ({}): {}", fmt::join(failures, "; "),
                             permission ? "call it as root, or as a member of the socket's group"
                                        : "start homeward-control or homeward-mn, or name its socket with --socket")};
}

}  // namespace

Result<std::vector<Daemon>> find_daemons(const std::optional<std::filesystem::path>& socket,
                                         const std::vector<std::filesystem::path>& usual) {
    std::vector<Daemon> found;
    std::vector<std::string> failures;
    for (const auto& path : socket ? std::vector{*socket} : usual) {
        auto daemon = ask(path);
        if (daemon) {
            found.push_back(std::move(*daemon));
        } else {
            failures.push_back(daemon.error().text);
        }
    }
    if (found.empty()) {
        return nobody(failures);
    }
    return found;
}

}  // namespace homeward::cli
