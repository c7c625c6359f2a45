#pragma once

#include "population.h"

namespace bench {

struct Installation {
    double seconds = 0;  ///< from the data plane's first packet to control until control knows that all is in force
    double bytes_per_binding = 0;  ///< allocated and mapped for the data plane's tables meanwhile, policies included
};

/// A data plane that starts with empty tables connects to a control plane that knows the whole population: the real
/// publisher and the real mailbox, a thread each, over their socket.
Installation install(const Population& population);

}  // namespace bench
