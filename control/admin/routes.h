#pragma once

#include <map>
#include <string>
#include <string_view>
#include <variant>

#include "admin/server.h"

namespace homeward::admin {

/// What answers a path for one method.
using Action = std::variant<DeferredHandler, EventLog*>;

/// Which action answers which request.
class Routes {
  public:
    void add(std::string_view method, std::string path, Action action);

    struct Match {
        const Action* action = nullptr;  ///< null: nothing answers
        std::string tail;
        std::string allow;  ///< with no action: the methods that the path has; empty: no such path
    };
    Match find(std::string_view method, std::string_view path) const;

  private:
    using Methods = std::map<std::string, Action, std::less<>>;
    std::map<std::string, Methods, std::less<>> exact_;
    std::map<std::string, Methods, std::less<>> one_more_;  ///< key: the path up to and including the last '/'
};

}  // namespace homeward::admin
