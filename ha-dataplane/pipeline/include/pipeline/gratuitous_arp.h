#pragma once

#include <rte_mbuf.h>
#include <rte_mempool.h>

#include "tables/shared.h"
#include "wire/ipv4.h"

namespace homeward::pipeline {

/// A broadcast gratuitous ARP request that says `address` is at `mac` (RFC 5944 §4.6; RFC 5227 announcement), sent
/// from `port_mac`. Null when the pool is empty. To be sent as it is by the port of the address's home network.
rte_mbuf* gratuitous_arp(rte_mempool* pool, const tables::MacAddress& port_mac, const tables::MacAddress& mac,
                         wire::Ipv4Address address);

}  // namespace homeward::pipeline
