/* SPDX-License-Identifier: (GPL-2.0-only OR BSD-2-Clause) */
/* The beginning of every small packet, written by small_packets.cpp and read by sink.bpf.c. */
#ifndef HOMEWARD_BENCH_SMALL_PACKET_H
#define HOMEWARD_BENCH_SMALL_PACKET_H

#include <linux/ip.h>
#include <linux/types.h>
#include <linux/udp.h>

#define SMALL_PACKET_PORT 7000

struct small_packet {
    struct iphdr ip;
    struct udphdr udp;
    __u64 number __attribute__((packed)); /* from 1, in the sender's byte order */
};

#endif
