#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace homeward::stats {

/// Every way a packet ends without leaving. The name is `<stage>.<reason>`; operators see it as `drop.<name>`.
// clang-format off
#define HOMEWARD_DROPS(X)                                                                                            \
    X(classify_short_frame, "classify.short_frame")           /* headers do not fit the frame */                     \
    X(classify_foreign_mac, "classify.foreign_mac")           /* addressed to another station */                     \
    X(classify_bad_header, "classify.bad_header")             /* version, IHL or total length */                     \
    X(classify_bad_checksum, "classify.bad_checksum")         /* IPv4 header checksum */                             \
    X(classify_no_port, "classify.no_port")                   /* the port is not in the tables (yet) */              \
    X(reassemble_malformed, "reassemble.malformed")           /* a fragment no datagram can have, or a first one that hides what it begins */ \
    X(reassemble_duplicate, "reassemble.duplicate")           /* the same part again; the first one stays */         \
    X(reassemble_overlap, "reassemble.overlap")               /* of a datagram whose fragments overlap or contradict each other */ \
    X(reassemble_too_many, "reassemble.too_many")             /* of a datagram in more fragments than are kept */    \
    X(reassemble_table_full, "reassemble.table_full")         /* of a datagram that had to go for a newer one */     \
    X(reassemble_memory, "reassemble.memory")                 /* the same, for the buffers it held */                \
    X(reassemble_timeout, "reassemble.timeout")               /* the rest did not come */                            \
    X(reassemble_ecn, "reassemble.ecn")                       /* Not-ECT in one fragment, ECT or CE in another (RFC 3168 5.3) */ \
    X(decap_udp_length, "decap.udp_length")                                                                          \
    X(decap_udp_checksum, "decap.udp_checksum")                                                                      \
    X(decap_next_header, "decap.next_header")                 /* not IPv4 in the tunnel header */                    \
    X(decap_inner_header, "decap.inner_header")               /* inner version, IHL or total length */               \
    X(decap_inner_checksum, "decap.inner_checksum")                                                                  \
    X(decap_unknown_home_address, "decap.unknown_home_address") /* inner source has no binding */                    \
    X(decap_wrong_tuple, "decap.wrong_tuple")                 /* outer tuple is no uplink of that binding */         \
    X(decap_ttl_zero, "decap.ttl_zero")                                                                              \
    X(decap_ecn, "decap.ecn")                                 /* CE outside, Not-ECT inside (RFC 6040) */            \
    X(decap_nested, "decap.nested")                           /* IPv4 in IPv4 inside the tunnel */                   \
    X(decap_registration_inside, "decap.registration_inside") /* inner UDP to our tunnel port */                     \
    X(decap_bad_destination, "decap.bad_destination")         /* multicast, broadcast, loopback, 0/8, itself */      \
    X(decap_duplicate, "decap.duplicate")                     /* a packet of this number came already */             \
    X(echo_checksum, "echo.checksum")                                                                                \
    X(echo_rate, "echo.rate")                                                                                        \
    X(encap_bad_source, "encap.bad_source")                   /* inner source no host can have */                    \
    X(encap_own_source, "encap.own_source")                   /* our own address, but from outside */                \
    X(encap_loop, "encap.loop")                               /* already encapsulated for this node */               \
    X(encap_policy, "encap.policy")                           /* the rule names no uplink: drop */                   \
    X(encap_no_uplink, "encap.no_uplink")                     /* none of the rule's uplinks is up */                 \
    X(encap_too_big, "encap.too_big")                         /* DF and larger than the tunnel MTU */                \
    X(encap_path_too_big, "encap.path_too_big")               /* larger than the egress port's MTU once wrapped */   \
    X(encap_no_headroom, "encap.no_headroom")                                                                        \
    X(fragment_no_buffer, "fragment.no_buffer")                                                                      \
    X(forward_ttl, "forward.ttl")                                                                                    \
    X(forward_no_route, "forward.no_route")                                                                          \
    X(forward_unreachable, "forward.unreachable")             /* an unreachable or prohibit route */                 \
    X(forward_blackhole, "forward.blackhole")                                                                        \
    X(forward_broadcast, "forward.broadcast")                 /* directed broadcast, or link broadcast not for us */ \
    X(forward_bad_source, "forward.bad_source")                                                                      \
    X(forward_port_down, "forward.port_down")                                                                        \
    X(forward_too_big, "forward.too_big")                     /* DF and larger than the egress port's MTU */         \
    X(forward_no_headroom, "forward.no_headroom")                                                                    \
    X(neighbour_queue_full, "neighbour.queue_full")                                                                  \
    X(neighbour_unresolved, "neighbour.unresolved")                                                                  \
    X(icmp_quote_unmatched, "icmp.quote_unmatched")           /* quoted tunnel packet is not ours */                 \
    X(icmp_tunnel_error, "icmp.tunnel_error")                 /* another error about a tunnel packet */              \
    X(output_full, "output.full")                             /* a burst grew beyond what one port can take */       \
    X(port_tx_full, "port.tx_full")                           /* the driver took no more */                          \
    X(port_unknown_vlan, "port.unknown_vlan")                 /* of a device whose ports are for other VLANs */      \
    X(port_no_headroom, "port.no_headroom")                   /* in front of the frame, for its VLAN tag */          \
    X(redistribute_ring_full, "redistribute.ring_full")       /* the worker it belongs to is behind */               \
    X(port_tx_refused, "port.tx_refused")                     /* the driver cannot do what its offloads were asked for */ \
    X(port_tx_segments, "port.tx_segments")                   /* a chain the driver cannot send, and no room to join it */ \
    X(exception_ring_full, "exception.ring_full")                                                                    \
    X(exception_registration_rate, "exception.registration_rate")                                                    \
    X(exception_arp_rate, "exception.arp_rate")                                                                      \
    X(exception_other_rate, "exception.other_rate")                                                                  \
    X(exception_twin_refused, "exception.twin_refused")       /* the TAP took it not: down, or its queue full */     \
    X(exception_return_full, "exception.return_full")         /* the kernel sent more than the worker took */        \
    X(exception_no_buffer, "exception.no_buffer")             /* no mbuf for what the kernel sent */                 \
    X(stopping, "stopping")                                   /* still held when the worker ended */

/// What happened that is not the loss of a packet. Operators see `pipeline.<name>`.
#define HOMEWARD_EVENTS(X)                                                                                           \
    X(wire_packets, "wire_packets")                           /* from ports */                                       \
    X(kernel_packets, "kernel_packets")                       /* from TAP twins */                                   \
    X(uplink_packets, "uplink_packets")                       /* accepted out of tunnels */                          \
    X(uplink_bytes, "uplink_bytes")                           /* inner bytes of those */                             \
    X(downlink_packets, "downlink_packets")                   /* put into tunnels, fragments counted each */         \
    X(downlink_bytes, "downlink_bytes")                       /* inner bytes of those */                             \
    X(downlink_copies, "downlink_copies")                     /* of those, sent by another uplink, too */            \
    X(resent_packets, "resent_packets")                       /* of those, sent again after their uplink was lost */ \
    X(copies_lost, "copies_lost")                             /* no buffer to send a packet again */                 \
    X(transit_packets, "transit_packets")                     /* routed without a tunnel on the way in */            \
    X(hairpin_packets, "hairpin_packets")                     /* from one node to another */                         \
    X(to_kernel_packets, "to_kernel_packets")                                                                        \
    X(from_kernel_packets, "from_kernel_packets")             /* left by their port as they were */                  \
    X(echo_replies, "echo_replies")                                                                                  \
    X(arp_replies, "arp_replies")                                                                                    \
    X(mss_clamped, "mss_clamped")                                                                                    \
    X(fragments_made, "fragments_made")                                                                              \
    X(fragments_reassembled, "fragments_reassembled")         /* of tunnel packets */                                \
    X(datagrams_reassembled, "datagrams_reassembled")         /* whole tunnel packets that came of those */          \
    X(fragments_early, "fragments_early")                     /* to nodes: waited for their first one */             \
    X(fragments_alone, "fragments_alone")                     /* to nodes: the first one did not come in time */     \
    X(icmp_sent, "icmp_sent")                                                                                        \
    X(icmp_suppressed, "icmp_suppressed")                     /* RFC 1812 exceptions and the rate limit */           \
    X(path_mtu_hints, "path_mtu_hints")                                                                              \
    X(neighbour_held, "neighbour_held")                                                                              \
    X(neighbour_released, "neighbour_released")                                                                      \
    X(requests_lost, "requests_lost")                         /* to the mailbox; repeated on the next packet */
// clang-format on

#define HOMEWARD_ENUMERATOR(identifier, name) identifier,
enum class Drop : std::uint8_t { HOMEWARD_DROPS(HOMEWARD_ENUMERATOR) count };
enum class Event : std::uint8_t { HOMEWARD_EVENTS(HOMEWARD_ENUMERATOR) count };
#undef HOMEWARD_ENUMERATOR

inline constexpr std::size_t kDrops = static_cast<std::size_t>(Drop::count);
inline constexpr std::size_t kEvents = static_cast<std::size_t>(Event::count);

/// "decap.wrong_tuple"
std::string_view name(Drop drop) noexcept;
/// "uplink_packets"
std::string_view name(Event event) noexcept;

/// One thread's numbers, on cache lines of their own. Written by the owning thread only (so an increment is a plain
/// load and store), read by anybody at any time.
class alignas(64) Counters {
  public:
    void drop(Drop reason, std::uint64_t packets = 1) noexcept {
        add(drops_[static_cast<std::size_t>(reason)], packets);
    }
    void count(Event event, std::uint64_t amount = 1) noexcept {
        add(events_[static_cast<std::size_t>(event)], amount);
    }

    std::uint64_t read(Drop reason) const noexcept {
        return drops_[static_cast<std::size_t>(reason)].load(std::memory_order_relaxed);
    }
    std::uint64_t read(Event event) const noexcept {
        return events_[static_cast<std::size_t>(event)].load(std::memory_order_relaxed);
    }

  private:
    using Cell = std::atomic<std::uint64_t>;

    static void add(Cell& cell, std::uint64_t amount) noexcept {
        cell.store(cell.load(std::memory_order_relaxed) + amount, std::memory_order_relaxed);
    }

    std::array<Cell, kDrops> drops_{};
    std::array<Cell, kEvents> events_{};
};

}  // namespace homeward::stats
