#include "sender.h"

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/ether.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "namespace.h"
#include "small_packet.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kPause = 20us;   ///< while the window is full
constexpr auto kGiveUp = 20ms;  ///< nothing arrived for so long: what is under way is lost

[[noreturn]] void fail(const char* what) {
    throw std::system_error{errno, std::generic_category(), what};
}

std::uint32_t address(const std::string& text) {
    in_addr parsed{};
    if (inet_pton(AF_INET, text.c_str(), &parsed) != 1) {
        throw std::runtime_error{text + " is no IPv4 address"};
    }
    return parsed.s_addr;
}

/// RFC 1071.
std::uint16_t header_checksum(const iphdr& ip) {
    std::array<std::uint16_t, sizeof ip / 2> words{};
    std::memcpy(words.data(), &ip, sizeof ip);
    std::uint32_t sum = 0;
    for (const std::uint16_t word : words) {
        sum += word;
    }
    sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~(sum + (sum >> 16U)));
}

/// All packets of a flow but their numbers.
small_packet model(const Flow& flow) {
    small_packet packet{};
    packet.ip.version = 4;
    packet.ip.ihl = 5;
    packet.ip.tot_len = htons(static_cast<std::uint16_t>(flow.size));
    packet.ip.frag_off = htons(0x4000);  // do not fragment
    packet.ip.ttl = 64;
    packet.ip.protocol = IPPROTO_UDP;
    packet.ip.saddr = address(flow.source);
    packet.ip.daddr = address(flow.destination);
    packet.ip.check = header_checksum(packet.ip);
    packet.udp.source = packet.udp.dest = htons(SMALL_PACKET_PORT);
    packet.udp.len = htons(static_cast<std::uint16_t>(flow.size - sizeof packet.ip));
    return packet;
}

sockaddr_ll link_address(const Flow& flow) {
    sockaddr_ll link{};
    link.sll_family = AF_PACKET;
    link.sll_protocol = htons(ETH_P_IP);
    link.sll_ifindex = device_index(flow.device);
    link.sll_halen = ETH_ALEN;
    ether_addr mac{};
    if (ether_aton_r(flow.next_hop.c_str(), &mac) == nullptr) {
        throw std::runtime_error{flow.next_hop + " is no MAC address"};
    }
    std::memcpy(link.sll_addr, &mac, sizeof mac);
    return link;
}

}  // namespace

Sender::Sender(const Flow& flow, const Sink& sink, unsigned window)
    : sink_(sink), window_(window), to_(link_address(flow)) {
    const small_packet packet = model(flow);
    for (unsigned i = 0; i < kBatch; ++i) {
        std::memcpy(packets_[i].data(), &packet, sizeof packet);
        parts_[i] = {packets_[i].data(), flow.size};
        messages_[i].msg_hdr = {.msg_name = &to_, .msg_namelen = sizeof to_, .msg_iov = &parts_[i], .msg_iovlen = 1};
    }
    socket_ = socket(AF_PACKET, SOCK_DGRAM | SOCK_CLOEXEC, 0);  // protocol 0: it sends only
    if (socket_ < 0) {
        fail("cannot make a packet socket");
    }
}

Sender::~Sender() {
    close(socket_);
}

void Sender::run_until(Clock::time_point end) {
    for (Clock::time_point now = Clock::now(); now < end; now = Clock::now()) {
        notice_arrivals(now);
        if (sent_ - settled_ + kBatch > window_) {
            std::this_thread::sleep_for(kPause);
        } else {
            send_batch();
        }
    }
}

void Sender::notice_arrivals(Clock::time_point now) {
    const std::uint64_t highest = sink_.highest();
    if (highest != highest_) {
        highest_ = highest;
        last_arrival_ = now;
        settled_ = std::max(settled_, highest);
    } else if (now - last_arrival_ > kGiveUp) {
        last_arrival_ = now;
        settled_ = sent_;
    }
}

void Sender::send_batch() {
    for (unsigned i = 0; i < kBatch; ++i) {
        const std::uint64_t number = sent_ + 1 + i;
        std::memcpy(packets_[i].data() + offsetof(small_packet, number), &number, sizeof number);
    }
    const int count = sendmmsg(socket_, messages_.data(), kBatch, 0);
    if (count < 0 && errno != ENOBUFS) {
        fail("cannot send");
    }
    sent_ += count > 0 ? static_cast<unsigned>(count) : 0;
}

}  // namespace bench
