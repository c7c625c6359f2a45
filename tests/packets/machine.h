#pragma once

#include <rte_mempool.h>
#include <rte_ring.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "exception/exception_path.h"
#include "ports/port.h"
#include "stats/counters.h"
#include "tables/tables.h"
#include "worker/redistribution.h"
#include "worker/worker.h"

namespace rig {

namespace stats = homeward::stats;
namespace tables = homeward::tables;
namespace worker = homeward::worker;

inline constexpr std::uint16_t kAccess = 0, kHome = 1;  ///< port ids

/// How the two ports lie on devices.
struct Shape {
    std::string name;
    std::uint16_t access_queues = 2, home_queues = 2;  ///< receive and transmit
    bool one_device = false;                           ///< both ports are VLANs of one device with `access_queues`
    worker::Redistribute redistribute = worker::Redistribute::automatic;

    static constexpr std::uint16_t kAccessVlan = 100, kHomeVlan = 200;
};

/// A home agent without its processes: devices of DPDK's null driver (traffic.h gives them far ends), the exception
/// path with TAP twins in a network namespace that ends with this process, and two workers on lcores of their own.
class Machine {
  public:
    static constexpr unsigned kWorkers = 2;

    /// Why there can be none here (no permission for a namespace), or nothing. Call it before anything else.
    static std::string unmet_need();

    /// Throws std::runtime_error when something is missing. One at a time.
    explicit Machine(const Shape& shape);
    ~Machine();
    Machine(const Machine&) = delete;
    Machine& operator=(const Machine&) = delete;

    const Shape& shape() const noexcept { return shape_; }
    tables::Tables& tables() noexcept { return *tables_; }
    const tables::Tables& tables() const noexcept { return *tables_; }
    rte_mempool* pool() noexcept { return pool_; }
    const homeward::ports::Port& device(std::uint16_t port) const noexcept { return devices_[places_[port].device]; }
    std::uint16_t devices() const noexcept { return static_cast<std::uint16_t>(devices_.size()); }

    void launch();
    void launch(unsigned worker);
    bool running() const noexcept { return running_; }
    /// Returns when every worker has gone round `rounds` times more; what the main thread does beside is done
    /// meanwhile.
    void pass_rounds(std::uint64_t rounds);
    /// Returns when whatever a worker had received before has left, through every ring there is.
    void flush();
    /// Ends the workers. Their counters stay.
    void stop();
    /// Frees everything but the pool; returns how many buffers nobody gave back.
    unsigned take_down();

    const std::vector<std::unique_ptr<worker::Worker>>& workers() const noexcept { return workers_; }
    std::uint64_t count(stats::Drop drop) const noexcept;
    std::uint64_t count(stats::Event event) const noexcept;
    /// What the workers dropped, by name, zeros left out.
    std::map<std::string, std::uint64_t> drops() const;
    std::uint64_t dropped() const noexcept;

  private:
    void make_devices();
    void make_tables();
    void make_workers();

    Shape shape_;
    rte_mempool* pool_ = nullptr;
    std::vector<homeward::ports::Port> devices_;
    std::vector<worker::Place> places_;
    std::unique_ptr<tables::Tables> tables_;
    std::unique_ptr<homeward::exception::ExceptionPath> exception_;
    std::vector<rte_ring*> hand_over_;
    rte_ring* requests_ = nullptr;
    std::unique_ptr<worker::Redistribution> redistribution_;
    std::vector<std::unique_ptr<worker::Worker>> workers_;
    bool running_ = false;
};

}  // namespace rig
