#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "ipc/messages.h"
#include "result/result.h"
#include "tables/binding.h"
#include "tables/directory.h"
#include "tables/neighbours.h"
#include "tables/numberings.h"
#include "tables/quiescence.h"
#include "tables/routes.h"
#include "tables/shared.h"

namespace homeward::tables {

/// Everything the workers know, and the one way to change it.
///
/// Theory of operation. Workers only read; one thread (the mailbox) writes. `shared()` is a pointer to an immutable
/// snapshot of what changes rarely; a worker loads it once per burst. Bindings are changed in place, word by word
/// (binding.h). Policies are immutable and reached from the binding that uses them: a binding moves from one to the
/// next by one pointer store, and a replaced policy lives until no binding points to it and every worker has been
/// quiescent. Routes and neighbours are changed in place, cell by cell. What is unpublished is retired to
/// `quiescence()` and freed by `reclaim()`.
class Tables {
  public:
    explicit Tables(unsigned workers);
    ~Tables();
    Tables(const Tables&) = delete;
    Tables& operator=(const Tables&) = delete;

    // Readers (workers, between online and quiescent).
    const Shared& shared() const noexcept { return *shared_.load(std::memory_order_acquire); }
    const Directory& directory() const noexcept { return directory_; }
    const Routes& routes() const noexcept { return routes_; }
    const Neighbours& neighbours() const noexcept { return neighbours_; }
    const Numberings& numberings() const noexcept { return numberings_; }
    Quiescence& quiescence() noexcept { return quiescence_; }

    // Writer.
    Routes& routes() noexcept { return routes_; }
    Neighbours& neighbours() noexcept { return neighbours_; }

    void set_port(std::uint16_t id, const Port& port);
    /// The id of the port with this name, or kNoPort.
    std::uint16_t port_named(std::string_view name) const noexcept;
    void set_settings(const ipc::Settings& settings);
    Status put_home_network(const wire::Ipv4Prefix& prefix, std::uint16_t port);
    Status remove_home_network(const wire::Ipv4Prefix& prefix);
    void put_policy(std::uint32_t number, policy::Table table);
    Status remove_policy(std::uint32_t number);
    Status put_binding(const ipc::Binding& record);
    /// False when there was none.
    bool remove_binding(wire::Ipv4Address home_address);

    /// Between these, what is put is marked; at the end what was not is removed.
    void begin_sync();
    void end_sync();
    /// The replay broke off: nothing is removed.
    void abort_sync() noexcept { in_sync_ = false; }

    /// A router said that a tunnel packet to this tuple was too big. `tunnel_mtu` (inner bytes) holds for
    /// kPathMtuLifetimeS seconds, then the told value is tried again. Only lowers; false when the tuple is no uplink.
    bool lower_path_mtu(std::uint32_t care_of, std::uint16_t port, std::uint16_t tunnel_mtu, std::uint64_t now_s);
    /// Lets soft state expire.
    void expire(std::uint64_t now_s);
    void reclaim() { quiescence_.reclaim(); }

    std::size_t bindings() const noexcept { return binding_count_; }
    std::size_t policies() const noexcept { return policies_.size(); }
    std::size_t memory_bytes() const noexcept;

    static constexpr std::uint64_t kPathMtuLifetimeS = 600;
    static constexpr std::uint16_t kMinTunnelMtu = 576;

  private:
    struct PathMtu {
        std::uint16_t tunnel_mtu;
        std::uint64_t expires_s;
    };
    struct Network {
        std::uint16_t port = kNoPort;
        std::uint32_t mark = 0;  ///< the last synchronisation that named it
    };

    void publish(std::unique_ptr<Shared> next);
    void publish_home_networks();
    Binding* writable(wire::Ipv4Address home_address, bool allocate);
    void clear(Binding& binding, wire::Ipv4Address home_address);
    void write_uplinks(Binding& binding, const ipc::Binding& record, Policy* policy);
    bool number(Binding& binding, const ipc::Binding& record);
    void point_to(Binding& binding, std::uint32_t numbered);
    void forget_tuple(const Binding& binding, unsigned slot, std::uint32_t home_address);
    void refresh_mtu(Binding& binding, std::uint32_t order);
    std::uint16_t mtu_in_force(std::uint16_t told, UplinkWord uplink) const;
    void point_to(Binding& binding, const Policy* policy);
    void unreference(Policy* policy);
    void for_each_bound(const std::function<void(Binding&, wire::Ipv4Address)>& visit);
    static std::uint64_t tuple(std::uint32_t care_of, std::uint16_t port) noexcept {
        return std::uint64_t{care_of} << 16 | port;
    }

    Numberings numberings_;  ///< outlives what is retired
    Quiescence quiescence_;
    std::atomic<Shared*> shared_;
    Directory directory_;
    Routes routes_;
    Neighbours neighbours_;
    // Writer only.
    std::map<wire::Ipv4Prefix, Network> home_networks_;
    std::unordered_map<std::uint32_t, Policy*> policies_;
    std::unordered_map<std::uint64_t, std::uint32_t> home_by_tuple_;
    std::unordered_map<std::uint64_t, PathMtu> path_mtus_;
    std::size_t binding_count_ = 0;
    std::uint32_t sync_mark_ = 1;
    bool in_sync_ = false;
};

}  // namespace homeward::tables
