#include "pipeline/gratuitous_arp.h"

#include "pipeline/headers.h"

namespace homeward::pipeline {

rte_mbuf* gratuitous_arp(rte_mempool* pool, const tables::MacAddress& port_mac, const tables::MacAddress& mac,
                         wire::Ipv4Address address) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool);
    if (mbuf == nullptr) {
        return nullptr;
    }
    struct Frame {
        EthernetHeader ethernet;
        ArpPacket arp;
    };
    void* room = rte_pktmbuf_append(mbuf, sizeof(Frame));
    if (room == nullptr) {
        rte_pktmbuf_free(mbuf);
        return nullptr;
    }
    constexpr tables::MacAddress kEverybody = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};
    *static_cast<Frame*>(room) = {
        {kEverybody, port_mac, be16{kEtherTypeArp}},
        {be16{1}, be16{kEtherTypeIpv4}, 6, 4, be16{ArpPacket::kRequest}, mac, address.wire(), {}, address.wire()}};
    return mbuf;
}

}  // namespace homeward::pipeline
