#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "admin/client.h"
#include "result/result.h"

namespace homeward::cli {

/// A daemon that answered.
struct Daemon {
    admin::Client client;
    std::string role;    ///< "home-agent", "mobile-node"
    std::string status;  ///< its /v1/status, JSON

    /// For messages: "homeward-control" or "homeward-mn".
    std::string name() const { return role == "mobile-node" ? "homeward-mn" : "homeward-control"; }
};

/// The daemon on `socket`, or, with none given, those that answer on the usual sockets of this machine. The error
/// says which sockets were tried and what to do.
Result<std::vector<Daemon>> find_daemons(const std::optional<std::filesystem::path>& socket,
                                         const std::vector<std::filesystem::path>& usual);

}  // namespace homeward::cli
