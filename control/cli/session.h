#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "command.h"
#include "daemons.h"
#include "paint.h"
#include "request.h"

namespace homeward::cli {

/// One call of the command, after its arguments were understood: each function is one subcommand and returns the
/// exit status.
class Session {
  public:
    Session(Options options, const Surroundings& surroundings);

    int show();
    int route();
    int check();
    int reload();
    int uplink();
    int monitor();
    int feedback();
    int replay();

  private:
    /// Fills daemons_; false (and a line on err) when none answers.
    bool find();
    bool find_node();
    int complain(std::string_view text) const;
    int show_everything();
    int show_everything_as_json();
    int show_subject();
    /// Prints a good answer, as JSON or by `report`; complains about another.
    int print(const Daemon& daemon, const Result<admin::ClientReply>& reply,
              const std::function<std::string(const nlohmann::json&)>& report) const;
    int follow(const Daemon& daemon, bool prefix) const;

    const Options options_;
    const Surroundings& around_;
    const Paint paint_;
    std::vector<Daemon> daemons_;
};

}  // namespace homeward::cli
