#pragma once

#include <memory>
#include <vector>

#include "config/home_agent.h"
#include "exception/exception_path.h"
#include "mailbox/frame.h"
#include "netlink/kernel_feed.h"
#include "ports/port.h"
#include "tables/tables.h"
#include "worker/worker.h"

namespace homeward {

struct CounterSources {
    const std::vector<config::Port>& ports;    ///< by port id
    const std::vector<worker::Place>& places;  ///< by port id
    const std::vector<ports::Port>& devices;   ///< by DPDK port id
    const std::vector<std::unique_ptr<worker::Worker>>& workers;
    const exception::ExceptionPath& exception;
    const tables::Tables& tables;
    const netlink::KernelFeed& kernel;
};

/// Everything `homeward show` can ask the data plane for: "drop.<stage>.<reason>" and "pipeline.<event>" summed over
/// threads, "port.<port>.<number>", "worker.<n>.<number>", "table.<name>".
mailbox::CounterList collect_counters(const CounterSources& sources);

}  // namespace homeward
