#pragma once

#include "registration/home_agent.h"
#include "store/store.h"

namespace homeward::daemon {

/// Between the steady clock that bindings live on and the wall clock that the store needs.
store::StoredNode to_store(const registration::SavedNode& node, registration::Now now);
registration::SavedNode from_store(const store::StoredNode& node, registration::Now now);

}  // namespace homeward::daemon
