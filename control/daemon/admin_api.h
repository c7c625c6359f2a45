#pragma once

#include <memory>

#include "admin/server.h"
#include "service.h"

namespace homeward::daemon {

/// The home agent's answers of docs/admin-api.md.
class AdminApi {
  public:
    explicit AdminApi(Service& service);
    ~AdminApi();
    AdminApi(const AdminApi&) = delete;
    AdminApi& operator=(const AdminApi&) = delete;

    /// Before the server starts. The routes refer to this.
    void add_routes(admin::Server& server);

  private:
    struct State;
    std::unique_ptr<State> state_;
};

}  // namespace homeward::daemon
