#pragma once

#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdint>

#include "tables/shared.h"

namespace homeward::pipeline {

/// Which rate limit the exception path applies to a packet for the kernel.
enum class KernelClass : std::uint8_t { registration, arp, other, count };
inline constexpr std::size_t kKernelClasses = static_cast<std::size_t>(KernelClass::count);

/// What a worker asks of the mailbox thread. Fixed size, for rte_ring_enqueue_elem.
struct Request {
    enum class Kind : std::uint8_t {
        resolve_neighbour,  ///< packets wait for (port, address)
        neighbour_in_use,   ///< a stale neighbour carries packets: let the kernel probe it
        path_mtu,           ///< Tables::lower_path_mtu(address = care-of address, port, mtu)
    };
    Kind kind{};
    std::uint8_t reserved = 0;
    std::uint16_t port = 0;     ///< DPDK port; for path_mtu the node's UDP port
    std::uint32_t address = 0;  ///< host order
    std::uint16_t mtu = 0;      ///< inner bytes, path_mtu only
    std::uint16_t reserved2 = 0;
};
static_assert(sizeof(Request) == 12);

template <class T, unsigned kCapacity>
struct List {
    unsigned count = 0;
    std::array<T, kCapacity> items;

    bool push(T item) noexcept {
        if (count == kCapacity) {
            return false;
        }
        items[count++] = item;
        return true;
    }
    /// Returns how many there was room for.
    unsigned push(const T* from, unsigned wanted) noexcept {
        const unsigned pushed = std::min(wanted, kCapacity - count);
        std::copy_n(from, pushed, items.data() + count);
        count += pushed;
        return pushed;
    }
};

inline constexpr unsigned kTxCapacity = 512;
using TxList = List<rte_mbuf*, kTxCapacity>;

/// What one call of Pipeline::process produced. The worker sends it all and then calls `clear`.
struct Output {
    static constexpr unsigned kToKernel = 128;
    static constexpr unsigned kRequests = 128;

    std::uint32_t tx_ports = 0;      ///< bit per port whose `tx` is not empty
    std::uint32_t kernel_ports = 0;  ///< bit per port with something in `to_kernel`
    std::array<TxList, tables::kMaxPorts> tx;
    /// By the port whose TAP twin gets it, then by class. Frames begin with their Ethernet header.
    std::array<std::array<List<rte_mbuf*, kToKernel>, kKernelClasses>, tables::kMaxPorts> to_kernel;
    List<Request, kRequests> requests;

    void clear() noexcept {
        for (std::uint32_t rest = tx_ports; rest != 0; rest &= rest - 1) {
            tx[static_cast<unsigned>(__builtin_ctz(rest))].count = 0;
        }
        for (std::uint32_t rest = kernel_ports; rest != 0; rest &= rest - 1) {
            for (auto& list : to_kernel[static_cast<unsigned>(__builtin_ctz(rest))]) {
                list.count = 0;
            }
        }
        tx_ports = kernel_ports = 0;
        requests.count = 0;
    }
};

}  // namespace homeward::pipeline
