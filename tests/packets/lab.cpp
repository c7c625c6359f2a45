#include "lab.h"

#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_mbuf.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace lab {
namespace {

void start_eal() {
    static const bool started = [] {
        // No huge pages, no devices, no files that another run could meet.
        std::vector<std::string> words = {"packets",
                                          "--no-huge",
                                          "--no-pci",
                                          "--no-shconf",
                                          "--no-telemetry",
                                          "-m",
                                          "64",
                                          "-l",
                                          "0",
                                          "--file-prefix=packets" + std::to_string(getpid()),
                                          "--log-level=error"};
        std::vector<char*> arguments;
        for (std::string& word : words) {
            arguments.push_back(word.data());
        }
        if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
            throw std::runtime_error{std::string{"EAL: "} + rte_strerror(rte_errno)};
        }
        return true;
    }();
    (void)started;
}

wire::Ipv4Address wired(Address address) {
    return wire::Ipv4Address{address.value};
}

Bytes bytes_of(rte_mbuf* mbuf) {
    Bytes bytes(rte_pktmbuf_pkt_len(mbuf));
    const void* data = rte_pktmbuf_read(mbuf, 0, static_cast<std::uint32_t>(bytes.size()), bytes.data());
    if (data != bytes.data() && !bytes.empty()) {
        std::memcpy(bytes.data(), data, bytes.size());
    }
    return bytes;
}

/// Attaches a buffer that is not the pool's, as some drivers do; `returned` counts when it is given back.
void lend(rte_mbuf* mbuf, unsigned& returned) {
    constexpr std::uint16_t kSize = 4096;
    auto* buffer = new std::uint8_t[kSize];
    std::uint16_t size = kSize;
    const auto give_back = [](void* address, void* counter) {
        delete[] static_cast<std::uint8_t*>(address);
        ++*static_cast<unsigned*>(counter);
    };
    auto* info = rte_pktmbuf_ext_shinfo_init_helper(buffer, &size, give_back, &returned);
    rte_pktmbuf_attach_extbuf(mbuf, buffer, 0, size, info);
}

}  // namespace

rte_mempool* make_pool(unsigned size) {
    start_eal();
    static int number = 0;
    const std::string name = "lab" + std::to_string(number++);
    rte_mempool* pool = rte_pktmbuf_pool_create(name.c_str(), size, 0, 0, 2048 + RTE_PKTMBUF_HEADROOM, 0);
    if (pool == nullptr) {
        throw std::runtime_error{std::string{"pool: "} + rte_strerror(rte_errno)};
    }
    return pool;
}

Lab::Lab(bool settled, bool express, const pipeline::Reassembly::Bounds& bounds, std::uint32_t resend_ms)
    : pool_(make_pool(resend_ms == 0 ? 255 : 2047)),
      counters_(std::make_unique<homeward::stats::Counters>()),
      output_(std::make_unique<pipeline::Output>()) {
    tables_.set_port(kAccess, {.name = "access", .mac = kAccessMac, .present = true});
    tables_.set_port(kHome, {.name = "home", .mac = kHomeMac, .present = true});
    settings_.home_agent = kHomeAgent.value;
    if (settled) {
        apply_settings();
    }
    EXPECT_TRUE(tables_.put_home_network(*wire::Ipv4Prefix::parse("158.132.10.0/24"), kHome).ok());
    using enum tables::RouteKind;
    route("0.0.0.0/0", {unicast, kAccess, wired(kGateway)});
    route("192.147.23.0/24", {unicast, kAccess});
    route("192.147.23.11/32", {local, kAccess});
    route("192.147.23.255/32", {broadcast, kAccess});
    route("158.132.10.0/24", {unicast, kHome});
    route("158.132.10.176/32", {local, kHome});
    route("158.132.10.255/32", {broadcast, kHome});
    neighbour(kAccess, kGateway, kGatewayMac);
    neighbour(kHome, kPeer, kPeerMac);
    policy::Policy split;
    split.rules.push_back({.correspondent = *wire::Ipv4Prefix::parse("158.132.10.178/32"), .uplinks = {2, 1}});
    split.fallback = {1, 2};
    put_policy(1, split);
    put(node_record());
    ipc::Binding second{.home_address = kNode2.value, .uplink_count = 1};
    second.uplinks[0] = {kWlan2.value, kWlan2Port, 1, 11, ipc::kUplinkUp, 0, 0};
    put(second);
    pipeline_ = std::make_unique<pipeline::Pipeline>(pipeline::Pipeline::Config{.tables = &tables_,
                                                                                .counters = counters_.get(),
                                                                                .pool = pool_,
                                                                                .tsc_hz = kHz,
                                                                                .reassembly = bounds,
                                                                                .resend_ms = resend_ms,
                                                                                .express = express});
}

Lab::~Lab() {
    pipeline_.reset();
    rte_mempool_free(pool_);
}

ipc::Binding Lab::node_record() const {
    ipc::Binding node{.home_address = kNode.value, .policy = 1, .uplink_count = 2};
    node.uplinks[0] = {kWlan.value, kWlanPort, 1, 11, ipc::kUplinkUp, 0, 0};
    node.uplinks[1] = {kCellular.value, kCellularPort, 2, 12, ipc::kUplinkUp, 0, 0};
    return node;
}

void Lab::put_policy(std::uint32_t number, const policy::Policy& policy) {
    auto table = policy::Table::compile(policy);
    ASSERT_TRUE(table.ok()) << table.error().text;
    tables_.put_policy(number, std::move(table).value());
}

void Lab::put(const ipc::Binding& binding) {
    const auto status = tables_.put_binding(binding);
    ASSERT_TRUE(status.ok()) << status.error().text;
}

void Lab::neighbour(std::uint16_t port, Address address, const Mac& mac, tables::NeighbourState state) {
    tables_.neighbours().put(port, wired(address), mac, state);
}

void Lab::route(const char* prefix, tables::Route route) {
    tables_.routes().put(*wire::Ipv4Prefix::parse(prefix), route);
}

void Lab::set_mtu(std::uint16_t id, std::uint16_t mtu) {
    tables::Port changed = port(id);
    changed.mtu = mtu;
    tables_.set_port(id, changed);
}

/// Frames beyond one buffer come as drivers deliver them: in segments.
rte_mbuf* Lab::receive(const Bytes& frame) {
    rte_mbuf* mbuf = rte_pktmbuf_alloc(pool_);
    if (mbuf == nullptr) {
        throw std::runtime_error{"the lab has no buffer left"};
    }
    if (!in_turn.empty()) {
        const Descriptor& descriptor = in_turn[received_++ % in_turn.size()];
        headroom = descriptor.headroom;
        rx_flags = descriptor.flags;
        lent_buffers = descriptor.lent;
    }
    if (lent_buffers) {
        lend(mbuf, returned_buffers);
    }
    mbuf->data_off = static_cast<std::uint16_t>(headroom);
    mbuf->ol_flags |= rx_flags;
    rte_mbuf* last = mbuf;
    for (std::size_t at = 0; at < frame.size();) {
        if (rte_pktmbuf_tailroom(last) == 0) {
            last->next = rte_pktmbuf_alloc(pool_);
            last = last->next;
            ++mbuf->nb_segs;
        }
        const std::size_t size = std::min<std::size_t>(rte_pktmbuf_tailroom(last), frame.size() - at);
        std::memcpy(rte_pktmbuf_mtod(last, std::uint8_t*), frame.data() + at, size);
        last->data_len = static_cast<std::uint16_t>(size);
        mbuf->pkt_len += static_cast<std::uint32_t>(size);
        at += size;
    }
    return mbuf;
}

void Lab::run(std::uint16_t port, Origin origin, const Bytes& frame) {
    run_burst(port, origin, {frame});
}

void Lab::run_burst(std::uint16_t port, Origin origin, const std::vector<Bytes>& frames) {
    std::vector<rte_mbuf*> burst;
    for (const Bytes& frame : frames) {
        burst.push_back(receive(frame));
    }
    pipeline_->process(port, origin, burst.data(), static_cast<unsigned>(burst.size()), now_, *output_);
    take_output();
}

void Lab::run_without_sending(std::uint16_t port, const std::vector<Bytes>& frames) {
    for (const Bytes& frame : frames) {
        rte_mbuf* mbuf = receive(frame);
        pipeline_->process(port, Origin::wire, &mbuf, 1, now_, *output_);
    }
}

std::vector<rte_mbuf*> Lab::exhaust_pool(unsigned left) {
    std::vector<rte_mbuf*> held(rte_mempool_avail_count(pool_) - left);
    EXPECT_EQ(rte_pktmbuf_alloc_bulk(pool_, held.data(), static_cast<unsigned>(held.size())), 0);
    return held;
}

void Lab::tick() {
    pipeline_->tick(now_, *output_);
    take_output();
}

void Lab::take_output() {
    for (std::uint16_t id = 0; id < tables::kMaxPorts; ++id) {
        auto& tx = output_->tx[id];
        for (unsigned i = 0; i < tx.count; ++i) {
            emitted.push_back({id, false, KernelClass::other, bytes_of(tx.items[i]), tx.items[i]->ol_flags});
            rte_pktmbuf_free(tx.items[i]);
        }
        for (std::size_t kernel_class = 0; kernel_class < pipeline::kKernelClasses; ++kernel_class) {
            auto& list = output_->to_kernel[id][kernel_class];
            for (unsigned i = 0; i < list.count; ++i) {
                emitted.push_back({id, true, static_cast<KernelClass>(kernel_class), bytes_of(list.items[i]), 0});
                rte_pktmbuf_free(list.items[i]);
            }
        }
    }
    requests.insert(requests.end(), output_->requests.items.begin(),
                    output_->requests.items.begin() + output_->requests.count);
    output_->clear();
}

std::map<std::string, std::uint64_t> Lab::drops() const {
    std::map<std::string, std::uint64_t> counted;
    for (std::size_t i = 0; i < homeward::stats::kDrops; ++i) {
        if (const auto value = counters_->read(static_cast<Drop>(i)); value != 0) {
            counted[std::string{homeward::stats::name(static_cast<Drop>(i))}] = value;
        }
    }
    return counted;
}

unsigned Lab::leaked() const {
    return rte_mempool_in_use_count(pool_);
}

Emitted sent(std::uint16_t port, const Stack& frame) {
    return {port, false, KernelClass::other, frame.bytes(), 0};
}

Emitted to_kernel(std::uint16_t port, KernelClass kernel_class, const Stack& frame) {
    return {port, true, kernel_class, frame.bytes(), 0};
}

Stack uplink(const Stack& inner, Address care_of, std::uint16_t port, std::uint8_t tos) {
    return Ether{.dst = kAccessMac, .src = kGatewayMac} / Ip{.src = care_of, .dst = kHomeAgent, .tos = tos} /
           Udp{.src = port, .dst = 434} / Tunnel{} / inner;
}

Stack downlink(const Stack& inner, Address care_of, std::uint16_t port, std::uint8_t tos) {
    return Ether{.dst = kGatewayMac, .src = kAccessMac} /
           Ip{.src = kHomeAgent, .dst = care_of, .tos = tos, .id = 0, .df = true} / Udp{.src = 434, .dst = port} /
           Tunnel{} / inner;
}

Stack on_home_link(const Stack& inner) {
    return Ether{.dst = kHomeMac, .src = kPeerMac} / inner;
}

Stack to_peer(const Stack& inner) {
    return Ether{.dst = kPeerMac, .src = kHomeMac} / inner;
}

Stack to_gateway(const Stack& inner) {
    return Ether{.dst = kGatewayMac, .src = kAccessMac} / inner;
}

Stack injected(std::uint16_t port, const Stack& inner) {
    return Ether{.dst = port == kAccess ? kAccessMac : kHomeMac, .src = kNobodyMac} / inner;
}

Bytes normalised(Bytes frame) {
    const std::uint32_t own = kHomeAgent.value;
    const std::array<std::uint8_t, 4> source = {static_cast<std::uint8_t>(own >> 24),
                                                static_cast<std::uint8_t>(own >> 16),
                                                static_cast<std::uint8_t>(own >> 8), static_cast<std::uint8_t>(own)};
    const auto zero_id = [&](std::size_t at) {
        if (frame.size() >= at + 20 && frame[at] == 0x45 && std::equal(source.begin(), source.end(), &frame[at + 12])) {
            frame[at + 4] = frame[at + 5] = frame[at + 10] = frame[at + 11] = 0;
            const std::uint16_t sum = harness::internet_checksum(&frame[at], 20);
            frame[at + 10] = static_cast<std::uint8_t>(sum >> 8);
            frame[at + 11] = static_cast<std::uint8_t>(sum);
        }
    };
    zero_id(14);
    return frame;
}

void check(const Row& row) {
    Lab lab;
    if (row.setup) {
        row.setup(lab);
    }
    lab.run(row.port, row.origin, row.in.bytes());
    ASSERT_EQ(lab.emitted.size(), row.out.size());
    for (std::size_t i = 0; i < row.out.size(); ++i) {
        const Emitted& got = lab.emitted[i];
        const Emitted& want = row.out[i];
        EXPECT_EQ(got.port, want.port);
        EXPECT_EQ(got.kernel, want.kernel);
        EXPECT_EQ(got.kernel_class, want.kernel_class);
        EXPECT_EQ(harness::to_hex(normalised(got.frame)), harness::to_hex(normalised(want.frame)));
        if (!want.kernel) {
            EXPECT_EQ(harness::checksum_fault(got.frame), "");
        }
    }
    std::map<std::string, std::uint64_t> wanted;
    for (const Drop drop : row.drops) {
        ++wanted[std::string{homeward::stats::name(drop)}];
    }
    EXPECT_EQ(lab.drops(), wanted);
    for (const Event event : row.events) {
        EXPECT_GE(lab.count(event), 1U) << homeward::stats::name(event);
    }
    EXPECT_EQ(lab.leaked(), 0U);
}

std::ostream& operator<<(std::ostream& out, const Row& row) {
    return out << row.name;
}

}  // namespace lab
