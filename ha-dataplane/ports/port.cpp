#include "ports/port.h"

#include <fmt/format.h>
#include <net/if.h>
#include <rte_bus.h>
#include <rte_dev.h>
#include <rte_ether.h>

#include <algorithm>
#include <utility>

#include "complaint.h"
#include "ports/eal.h"
#include "ports/quiet_interface.h"

namespace homeward::ports {
namespace {

constexpr std::uint16_t kDescriptors = 1024;
/// Software devices are served by a thread that naps or waits for its CPU: their rings are longer.
constexpr std::uint16_t kVirtualDescriptors = 2048;

/// The name the EAL knows a device by: what stands before the first comma.
std::string device_name(const std::string& device) {
    std::string name = device.substr(0, device.find(','));
    if (is_pci_address(device) && std::count(name.begin(), name.end(), ':') == 1) {
        name.insert(0, "0000:");
    }
    return name;
}

std::string because(int code) {
    const std::string complaint = last_complaint();
    return complaint.empty() ? rte_strerror(code < 0 ? -code : code) : complaint;
}

/// Whether a NIC fills more than its first queue. e1000 has two without RSS, and one checksum context for both. A
/// virtio device without RSS (its usual state) leaves the spreading to its host.
bool spreads(const rte_eth_dev_info& info) {
    return info.flow_type_rss_offloads != 0 || std::string_view{info.driver_name} == "net_virtio";
}

}  // namespace

Offloads Offloads::of(const rte_eth_dev_info& device, const PortOptions& options) noexcept {
    Offloads used;
    used.rx = RTE_ETH_RX_OFFLOAD_CHECKSUM;
    used.tx = RTE_ETH_TX_OFFLOAD_IPV4_CKSUM | RTE_ETH_TX_OFFLOAD_UDP_CKSUM | RTE_ETH_TX_OFFLOAD_MULTI_SEGS;
    if (!options.vlans.empty()) {
        // A filter would keep other VLANs from the port that takes everything else.
        used.rx |= RTE_ETH_RX_OFFLOAD_VLAN_STRIP | (options.untagged ? 0 : RTE_ETH_RX_OFFLOAD_VLAN_FILTER);
        used.tx |= RTE_ETH_TX_OFFLOAD_VLAN_INSERT;
    }
    used.rx &= device.rx_offload_capa;
    used.tx &= device.tx_offload_capa;
    if (!used.udp_checksum()) {
        used.tx &= ~RTE_ETH_TX_OFFLOAD_IPV4_CKSUM;
    }
    return used;
}

Result<Port> Port::attach(const PortOptions& options) {
    forget_complaints();
    const auto refuse = [&](const std::string& reason) {
        return Error{fmt::format("ports.{}.device: {}: {}", options.name, options.device, reason)};
    };
    const auto interface = kernel_interface(options.device);
    if (interface && if_nametoindex(interface->c_str()) == 0) {
        return refuse(fmt::format("no interface {} here", *interface));
    }
    if (!is_pci_address(options.device)) {
        if (const int code = rte_dev_probe(options.device.c_str()); code < 0) {
            return refuse(because(code));
        }
    }
    std::uint16_t id = RTE_MAX_ETHPORTS;
    if (rte_eth_dev_get_port_by_name(device_name(options.device).c_str(), &id) < 0) {
        return refuse(is_pci_address(options.device)
                          ? "no such device, or not bound to a DPDK driver (dpdk-devbind.py --bind=vfio-pci …)"
                          : "no Ethernet device came of it");
    }
    Port port{options, id};
    if (Status seen = port.inspect(); !seen) {
        return seen.error();
    }
    if (interface && is_af_packet(options.device)) {
        if (Status quiet = quiet_interface(*interface); !quiet) {
            return refuse(quiet.error().text);
        }
        port.quiet_interface_ = true;
    }
    return port;
}

Port::Port(Port&& other) noexcept
    : options_(std::move(other.options_)),
      id_(std::exchange(other.id_, RTE_MAX_ETHPORTS)),
      mac_(other.mac_),
      rx_queues_(other.rx_queues_),
      tx_queues_(other.tx_queues_),
      offloads_(other.offloads_),
      spread_(std::move(other.spread_)),
      info_(other.info_),
      virtual_(other.virtual_),
      started_(std::exchange(other.started_, false)),
      quiet_interface_(std::exchange(other.quiet_interface_, false)) {}

Port::~Port() {
    if (id_ == RTE_MAX_ETHPORTS) {
        return;
    }
    if (started_) {
        rte_eth_dev_stop(id_);
    }
    rte_eth_dev_close(id_);
    if (quiet_interface_) {
        unquiet_interface(*kernel_interface(options_.device));
    }
}

int Port::socket() const noexcept {
    const int socket = rte_eth_dev_socket_id(id_);
    return socket < 0 ? 0 : socket;
}

Error Port::failure(const char* what, int code) const {
    return Error{fmt::format("ports.{}: {} on {}: {}", options_.name, what, options_.device, because(code))};
}

Status Port::inspect() {
    rte_ether_addr mac{};
    int code = rte_eth_dev_info_get(id_, &info_);
    if (code == 0) {
        code = rte_eth_macaddr_get(id_, &mac);
    }
    if (code < 0) {
        return failure("cannot read the device", code);
    }
    std::copy(std::begin(mac.addr_bytes), std::end(mac.addr_bytes), mac_.begin());
    const rte_bus* bus = rte_dev_bus(info_.device);
    virtual_ = bus != nullptr && std::string_view{rte_bus_name(bus)} == "vdev";
    return {};
}

Status Port::start(unsigned workers, rte_mempool* pool) {
    forget_complaints();
    if (Status done = configure(workers); !done) {
        return done;
    }
    if (Status done = set_up_queues(pool); !done) {
        return done;
    }
    if (Status done = set_mtu(); !done) {
        return done;
    }
    if (const int code = rte_eth_dev_start(id_); code < 0) {
        return failure("cannot start", code);
    }
    started_ = true;
    if (Status done = accept_vlans(); !done) {
        return done;
    }
    // Multicast belongs to the kernel (routing protocols, IPv6). Not promiscuous: proxy ARP answers with our own MAC.
    rte_eth_allmulticast_enable(id_);
    return {};
}

Status Port::configure(unsigned workers) {
    const unsigned wanted = virtual_ || spreads(info_) ? workers : 1;
    rx_queues_ =
        static_cast<std::uint16_t>(std::min<unsigned>(wanted, std::max<std::uint16_t>(info_.max_rx_queues, 1)));
    tx_queues_ =
        static_cast<std::uint16_t>(std::min<unsigned>(wanted, std::max<std::uint16_t>(info_.max_tx_queues, 1)));
    offloads_ = Offloads::of(info_, options_);
    rte_eth_conf conf{};
    conf.rxmode.offloads = offloads_.rx;
    conf.txmode.offloads = offloads_.tx;
    if (const int code = configure_spread(conf); code < 0) {
        return failure("cannot configure", code);
    }
    return {};
}

/// With the hash and the key that are wanted, else with the driver's key, else with one receive queue.
int Port::configure_spread(rte_eth_conf conf) {
    if (rx_queues_ == 1) {
        return rte_eth_dev_configure(id_, rx_queues_, tx_queues_, &conf);
    }
    for (const unsigned key_size : {unsigned{info_.hash_key_size}, 0U}) {
        RssChoice choice = choose_rss(info_.flow_type_rss_offloads, key_size, options_.spread);
        rte_eth_conf tried = conf;
        tried.rxmode.mq_mode = choice.types != 0 ? RTE_ETH_MQ_RX_RSS : RTE_ETH_MQ_RX_NONE;
        tried.rx_adv_conf.rss_conf = {.rss_key = choice.key.empty() ? nullptr : choice.key.data(),
                                      .rss_key_len = static_cast<std::uint8_t>(choice.key.size()),
                                      .rss_hf = choice.types};
        if (rte_eth_dev_configure(id_, rx_queues_, tx_queues_, &tried) == 0) {
            spread_ = choice.description;
            return 0;
        }
    }
    spread_ = "one receive queue, because the device takes no RSS configuration";
    rx_queues_ = 1;
    return rte_eth_dev_configure(id_, rx_queues_, tx_queues_, &conf);
}

/// Where the device filters VLANs, as virtual functions do, it is told which ones to let through.
Status Port::accept_vlans() {
    if (options_.untagged || (info_.rx_offload_capa & RTE_ETH_RX_OFFLOAD_VLAN_FILTER) == 0) {
        return {};
    }
    for (const std::uint16_t vlan : options_.vlans) {
        if (const int code = rte_eth_dev_vlan_filter(id_, vlan, 1); code < 0) {
            return failure(fmt::format("cannot receive VLAN {}", vlan).c_str(), code);
        }
    }
    return {};
}

Status Port::set_up_queues(rte_mempool* pool) {
    std::uint16_t rx = virtual_ ? kVirtualDescriptors : kDescriptors, tx = rx;
    if (const int code = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx, &tx); code < 0) {
        return failure("cannot size the rings", code);
    }
    const auto node = static_cast<unsigned>(socket());
    for (std::uint16_t queue = 0; queue < rx_queues_; ++queue) {
        if (const int code = rte_eth_rx_queue_setup(id_, queue, rx, node, nullptr, pool); code < 0) {
            return failure("cannot set up a receive queue", code);
        }
    }
    for (std::uint16_t queue = 0; queue < tx_queues_; ++queue) {
        if (const int code = rte_eth_tx_queue_setup(id_, queue, tx, node, nullptr); code < 0) {
            return failure("cannot set up a transmit queue", code);
        }
    }
    return {};
}

Status Port::set_mtu() {
    std::uint16_t current = 0;
    if (rte_eth_dev_get_mtu(id_, &current) == 0 && current == options_.mtu) {
        return {};
    }
    const int code = rte_eth_dev_set_mtu(id_, options_.mtu);
    if (code == -ENOTSUP && options_.mtu == RTE_ETHER_MTU) {
        return {};
    }
    return code < 0 ? Status{failure(fmt::format("cannot set an MTU of {}", options_.mtu).c_str(), code)} : Status{};
}

}  // namespace homeward::ports
