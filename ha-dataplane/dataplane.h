#pragma once

#include <rte_mempool.h>
#include <rte_ring.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/signal_set.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "announcer.h"
#include "config/home_agent.h"
#include "exception/exception_path.h"
#include "mailbox/apply.h"
#include "mailbox/link.h"
#include "netlink/kernel_feed.h"
#include "ports/port.h"
#include "result/result.h"
#include "tables/tables.h"
#include "worker/worker.h"

namespace homeward {

/// homeward-dataplane: its threads and what they share.
///
///     main thread (mailbox)   the event loop: control's link, kernel's netlink, workers' requests, timers.
///                             The only writer of the tables.
///     lcore 1…n               a Worker each
///     exception thread        the TAP twins
///
/// start() builds everything in order and stops at the first error, which is for the person at the terminal; run()
/// returns after SIGTERM or SIGINT. What was built is undone in reverse by the destructor.
class Dataplane {
  public:
    Dataplane(const config::HomeAgent& config, bool verbose);
    ~Dataplane();
    Dataplane(const Dataplane&) = delete;
    Dataplane& operator=(const Dataplane&) = delete;

    Status start();
    void run();

  private:
    Status start_eal();
    Status attach_ports();
    Status order_ports();
    Status start_ports();
    Status place_ports();
    Status make_rings();
    Status attach_twins();
    void describe_ports();
    Status make_workers();
    Status make_loops();
    Status follow_kernel();
    void launch();
    void join_control();

    void wait_for_kernel();
    void follow_events();
    void serve_requests();
    void serve_request(const pipeline::Request& request);
    void look_after();
    void look_at_links();
    mailbox::CounterList counters() const;
    bool may_sleep() const;

    const config::HomeAgent& config_;
    bool verbose_;
    asio::io_context loop_{1};
    asio::signal_set signals_{loop_};
    asio::steady_timer requests_timer_{loop_}, upkeep_timer_{loop_};
    asio::posix::stream_descriptor kernel_events_{loop_};

    std::map<int, rte_mempool*> pools_;   ///< by NUMA socket
    rte_mempool* pool_ = nullptr;         ///< the first port's
    std::vector<ports::Port> ports_;      ///< the devices; index: DPDK port id
    std::vector<worker::Place> places_;   ///< of config_.ports, by index: what the tables and workers call a port id
    std::vector<exception::Twin> twins_;  ///< by port id
    std::vector<rte_ring*> hand_over_;    ///< by port id
    rte_ring* requests_ = nullptr;
    std::unique_ptr<tables::Tables> tables_;
    std::unique_ptr<exception::ExceptionPath> exception_;
    std::unique_ptr<worker::Redistribution> redistribution_;
    std::vector<std::unique_ptr<worker::Worker>> workers_;
    std::unique_ptr<netlink::KernelFeed> kernel_;
    std::unique_ptr<mailbox::Apply> apply_;
    std::unique_ptr<Announcer> announcer_;
    std::unique_ptr<mailbox::Link> link_;
    std::vector<bool> link_up_;  ///< by device, as last seen
    bool eal_started_ = false;
    bool launched_ = false;
};

}  // namespace homeward
