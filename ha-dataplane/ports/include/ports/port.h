#pragma once

#include <rte_ethdev.h>

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "ports/rss.h"
#include "result/result.h"

namespace homeward::ports {

struct PortOptions {
    std::string name;    ///< the configuration's; of several ports on this device "access+home"
    std::string device;  ///< a PCI address (bound to vfio-pci) or a virtual device: "net_af_xdp0,iface=eth0"
    std::uint16_t mtu = 1500;
    std::vector<std::uint16_t> vlans{};  ///< that there are ports for
    bool untagged = true;                ///< there is a port for everything else, too
    Spread spread = Spread::addresses_and_ports;
};

/// What the device does for us. Nothing here is required: the pipeline works in software without it.
struct Offloads {
    std::uint64_t rx = 0, tx = 0;  ///< RTE_ETH_RX_OFFLOAD_…, RTE_ETH_TX_OFFLOAD_…: to be enabled

    /// All that we use of what a device can do.
    static Offloads of(const rte_eth_dev_info& device, const PortOptions& options) noexcept;

    /// Never without `udp_checksum`: the sum of a header costs less than telling the device.
    bool ipv4_checksum() const noexcept { return (tx & RTE_ETH_TX_OFFLOAD_IPV4_CKSUM) != 0; }
    bool udp_checksum() const noexcept { return (tx & RTE_ETH_TX_OFFLOAD_UDP_CKSUM) != 0; }
    /// Sends chained mbufs.
    bool multi_segment() const noexcept { return (tx & RTE_ETH_TX_OFFLOAD_MULTI_SEGS) != 0; }
    /// Writes VLAN tags on transmission.
    bool vlan_insert() const noexcept { return (tx & RTE_ETH_TX_OFFLOAD_VLAN_INSERT) != 0; }
};

/// One DPDK port: an Ethernet device. Owned and called by the main thread; workers use only `id()` with rx/tx bursts.
///
/// attach() → start() → stop(). The destructor stops and closes, which takes an XDP program off the interface.
class Port {
  public:
    /// Finds the device. The error names the port, the device, and the reason the driver gave.
    static Result<Port> attach(const PortOptions& options);

    Port(Port&& other) noexcept;
    Port& operator=(Port&&) = delete;
    Port(const Port&) = delete;
    Port& operator=(const Port&) = delete;
    ~Port();

    /// Sets queues, offloads and MTU, and starts. As many rx and tx queues as there are workers, or as the device has;
    /// one of each on a NIC without RSS.
    Status start(unsigned workers, rte_mempool* pool);

    std::uint16_t id() const noexcept { return id_; }
    const std::string& name() const noexcept { return options_.name; }
    const std::string& device() const noexcept { return options_.device; }
    std::uint16_t mtu() const noexcept { return options_.mtu; }
    std::array<std::uint8_t, 6> mac() const noexcept { return mac_; }
    std::uint16_t rx_queues() const noexcept { return rx_queues_; }
    std::uint16_t tx_queues() const noexcept { return tx_queues_; }
    const Offloads& offloads() const noexcept { return offloads_; }
    /// How the device chooses receive queues, in words; empty with one queue.
    const std::string& spread() const noexcept { return spread_; }
    int socket() const noexcept;
    /// True for a device that is software: idle workers may sleep without losing what a real NIC's ring would drop.
    bool is_virtual() const noexcept { return virtual_; }

  private:
    Port(PortOptions options, std::uint16_t id) : options_(std::move(options)), id_(id) {}

    Status inspect();
    Status configure(unsigned workers);
    int configure_spread(rte_eth_conf conf);
    Status accept_vlans();
    Status set_up_queues(rte_mempool* pool);
    Status set_mtu();
    Error failure(const char* what, int code) const;

    PortOptions options_;
    std::uint16_t id_ = RTE_MAX_ETHPORTS;
    std::array<std::uint8_t, 6> mac_{};
    std::uint16_t rx_queues_ = 0, tx_queues_ = 0;
    Offloads offloads_;
    std::string spread_;
    rte_eth_dev_info info_{};
    bool virtual_ = false;
    bool started_ = false;
    bool quiet_interface_ = false;  ///< our ingress filter is on it (ports/quiet_interface.h)
};

/// What decides how many packet buffers there are, and how large.
struct PoolNeeds {
    unsigned ports = 1;  ///< devices
    unsigned workers = 1;
    std::uint16_t largest_mtu = 1500;
    unsigned reassembly_mb = 0;    ///< of buffers that each worker may hold for reassembly
    unsigned between_workers = 0;  ///< packets that may lie in rings to each worker
    unsigned resend = 0;           ///< buffers that each worker may keep to send again
};

/// The mbuf pool for the ports of one NUMA socket.
Result<rte_mempool*> make_pool(int socket, const PoolNeeds& needs);

/// Buffers that each worker may hold for reassembly.
unsigned reassembly_buffers(const PoolNeeds& needs);

/// Megabytes the EAL must reserve for the pools and DPDK's own needs.
unsigned memory_needed(const PoolNeeds& needs);

}  // namespace homeward::ports
