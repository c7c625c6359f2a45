#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>
#include <string_view>

#include "result/result.h"

namespace homeward::admin {

struct ClientReply {
    unsigned status = 0;
    std::string body;
};

/// A blocking client of the admin API: one connection per call. Errors are one line that names the socket.
class Client {
  public:
    explicit Client(std::filesystem::path socket, std::chrono::milliseconds timeout = std::chrono::seconds(15));

    /// `target`: path and query, already encoded (percent_encode).
    Result<ClientReply> get(std::string_view target) const;
    Result<ClientReply> post(std::string_view target, std::string_view json) const;
    /// Calls `line` for every line as it arrives, without its newline, until it returns false (then success) or the
    /// server ends the answer (then an error).
    Status stream(std::string_view target, const std::function<bool(std::string_view line)>& line) const;

    const std::filesystem::path& socket() const { return socket_; }

  private:
    std::filesystem::path socket_;
    std::chrono::milliseconds timeout_;
};

/// For one path segment or query value.
std::string percent_encode(std::string_view text);

}  // namespace homeward::admin
