// Packets and devices for tests of the BPF programs.
#pragma once

#include <bpf/bpf.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <linux/bpf.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "descriptor/unique_fd.h"
#include "wire/ipv4.h"

namespace homeward::bpf {

using Bytes = std::vector<std::uint8_t>;

inline constexpr std::uint8_t kTcp = 6, kUdp = 17, kIcmp = 1;
inline constexpr std::uint8_t kSyn = 2, kAck = 16;
// A test run takes what stands where an Ethernet type would for the protocol: with this home address it reads IPv4.
inline constexpr const char* kHome = "8.0.0.12";

inline wire::Ipv4Address ip(const char* text) {
    return *wire::Ipv4Address::parse(text);
}
inline void put16(Bytes& bytes, std::size_t at, std::size_t value) {
    bytes[at] = static_cast<std::uint8_t>(value >> 8);
    bytes[at + 1] = static_cast<std::uint8_t>(value);
}
inline void put_address(Bytes& bytes, std::size_t at, const char* text) {
    const std::uint32_t raw = ip(text).wire().raw();
    std::memcpy(&bytes[at], &raw, 4);
}
inline std::uint16_t checksum(const Bytes& bytes, std::size_t at) {
    std::uint32_t sum = 0;
    for (std::size_t i = at; i < at + 20; i += 2) {
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~(sum + (sum >> 16)));
}

struct Inner {
    const char* from = "198.51.100.7";
    const char* to = kHome;
    std::uint8_t protocol = kUdp;
    std::size_t size = 100;
    std::uint8_t tos = 0;
    std::uint8_t tcp_flags = kAck;
    std::uint16_t fragment = 0;
};

inline Bytes inner(const Inner& spec) {
    Bytes bytes(spec.size, 0x5a);
    bytes[0] = 0x45;
    bytes[1] = spec.tos;
    put16(bytes, 2, spec.size);
    put16(bytes, 6, spec.fragment);
    bytes[8] = 63;
    bytes[9] = spec.protocol;
    put_address(bytes, 12, spec.from);
    put_address(bytes, 16, spec.to);
    put16(bytes, 10, 0);
    put16(bytes, 10, checksum(bytes, 0));
    if (spec.protocol == kTcp) {
        bytes[32] = 0x50;
        bytes[33] = spec.tcp_flags;
    }
    return bytes;
}

struct Outcome {
    int verdict = 0;
    Bytes packet;
};

inline Outcome run(int program, const Bytes& in, __sk_buff context) {
    Bytes out(in.size() + 256);
    LIBBPF_OPTS(bpf_test_run_opts, options, .data_in = in.data(), .data_out = out.data(),
                .data_size_in = static_cast<std::uint32_t>(in.size()),
                .data_size_out = static_cast<std::uint32_t>(out.size()), .ctx_in = &context,
                .ctx_size_in = sizeof context);
    EXPECT_EQ(bpf_prog_test_run_opts(program, &options), 0) << std::strerror(errno);
    out.resize(options.data_size_out);
    return {static_cast<int>(options.retval), out};
}

inline UniqueFd open_tun(const char* name) {
    UniqueFd fd{::open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC)};
    ifreq request{};
    std::memcpy(request.ifr_name, name, std::strlen(name));
    request.ifr_flags = IFF_TUN | IFF_NO_PI;
    EXPECT_EQ(::ioctl(fd.get(), TUNSETIFF, &request), 0) << std::strerror(errno);
    return fd;
}

inline void sh(const std::string& command) {
    ASSERT_EQ(std::system(command.c_str()), 0) << command;  // NOLINT(concurrency-mt-unsafe)
}

}  // namespace homeward::bpf
