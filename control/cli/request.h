#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace homeward::cli {

/// What the command line asks for.
struct Options {
    std::string socket;
    bool json = false;
    bool all = false;
    std::string subject;  ///< of `show`; empty: everything
    std::string node;
    std::string address, protocol;
    int port = -1;
    std::string uplink, action;
    std::string file;  ///< of `check`; the trace of `replay`
    std::string engine, config, flows;
    std::vector<std::string> scores;  ///< "performance=+1"
};

/// "/v1/policy?all=1&node=…": parameters with an empty value are left out, the others encoded.
std::string target(std::string_view path, const std::vector<std::pair<std::string_view, std::string>>& parameters);

}  // namespace homeward::cli
