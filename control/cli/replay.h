#pragma once

#include "command.h"
#include "request.h"

namespace homeward::cli {

/// `homeward replay TRACE`: runs a selection engine over a trace, without any daemon. Prints what it changed and what
/// that was good for. Returns the exit status.
int replay_trace(const Options& options, const Surroundings& around);

}  // namespace homeward::cli
