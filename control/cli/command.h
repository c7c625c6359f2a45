#pragma once

#include <filesystem>
#include <functional>
#include <iosfwd>
#include <string>
#include <vector>

namespace homeward::cli {

/// What the command takes from its surroundings.
struct Surroundings {
    std::ostream& out;
    std::ostream& err;
    bool colour = false;
    std::string socket;                        ///< of the environment, "" when unset; `--socket` wins
    std::vector<std::filesystem::path> usual;  ///< the daemons' sockets where nothing else is said
    std::function<double()> now_unix;
};

inline constexpr int kSuccess = 0;
inline constexpr int kFailure = 1;
inline constexpr int kUsage = 2;

/// `homeward ARGUMENTS…`, without the program's name. Returns the exit status; `err` gets one line when it is not
/// kSuccess (more for kUsage).
int run(const std::vector<std::string>& arguments, const Surroundings& surroundings);

}  // namespace homeward::cli
