// A worker between two devices that can or cannot do things: chains, what drivers want prepared, full rings.
#include "worker/worker.h"

#include <rte_ethdev.h>

#include <algorithm>

#include "exception/exception_path.h"
#include "lab.h"

namespace lab {
namespace {

using homeward::worker::Plan;
using homeward::worker::Worker;

/// Both ports' entry points: frames come in by one, and everything that leaves is kept. Once the frames were polled,
/// the next poll ends the worker.
class Devices {
  public:
    struct Sent {
        std::uint16_t port;
        unsigned segments;
        Bytes frame;
    };

    Devices() {
        for (std::uint16_t id = 0; id < queues_.size(); ++id) {
            queues_[id] = {this, id};
            queue_pointers_[id] = &queues_[id];
            auto& entry = rte_eth_fp_ops[id];
            entry.rx_pkt_burst = [](void* queue, rte_mbuf** packets, std::uint16_t count) {
                return static_cast<Queue*>(queue)->devices->receive(*static_cast<Queue*>(queue), packets, count);
            };
            entry.tx_pkt_burst = [](void* queue, rte_mbuf** packets, std::uint16_t count) {
                return static_cast<Queue*>(queue)->devices->transmit(*static_cast<Queue*>(queue), packets, count);
            };
            entry.tx_pkt_prepare = [](void* queue, rte_mbuf** packets, std::uint16_t count) {
                return static_cast<Queue*>(queue)->devices->prepare(packets, count);
            };
            entry.rxq.data = entry.txq.data = &queue_pointers_[id];
        }
    }

    std::uint16_t port = kAccess;  ///< by which `frames` come in
    std::vector<rte_mbuf*> frames;
    Worker* worker = nullptr;
    unsigned room = 1000;           ///< packets that are taken for transmission
    std::vector<unsigned> refused;  ///< those that the driver cannot prepare, counted from 0
    std::vector<Sent> sent;
    unsigned prepared = 0;

  private:
    struct Queue {
        Devices* devices = nullptr;
        std::uint16_t port = 0;
    };

    std::uint16_t receive(const Queue& queue, rte_mbuf** packets, std::uint16_t count) {
        if (queue.port != port) {
            return 0;
        }
        if (frames.empty()) {
            worker->stop();
        }
        const auto given = static_cast<std::uint16_t>(std::min<std::size_t>(count, frames.size()));
        std::copy_n(frames.begin(), given, packets);
        frames.erase(frames.begin(), frames.begin() + given);
        return given;
    }

    std::uint16_t transmit(const Queue& queue, rte_mbuf** packets, std::uint16_t count) {
        const auto taken = static_cast<std::uint16_t>(std::min<unsigned>(count, room));
        for (unsigned i = 0; i < taken; ++i) {
            Bytes bytes(packets[i]->pkt_len);
            const auto* data =
                static_cast<const std::uint8_t*>(rte_pktmbuf_read(packets[i], 0, packets[i]->pkt_len, bytes.data()));
            if (data != bytes.data()) {
                std::copy_n(data, bytes.size(), bytes.begin());
            }
            sent.push_back({queue.port, packets[i]->nb_segs, std::move(bytes)});
            rte_pktmbuf_free(packets[i]);
        }
        room -= taken;
        return taken;
    }

    /// As drivers do it: up to the first packet that cannot be sent.
    std::uint16_t prepare(rte_mbuf** /*packets*/, std::uint16_t count) {
        for (std::uint16_t i = 0; i < count; ++i) {
            if (std::count(refused.begin(), refused.end(), prepared++) != 0) {
                return i;
            }
        }
        return count;
    }

    std::array<Queue, 2> queues_;
    std::array<void*, 2> queue_pointers_{};
};

class Workers : public testing::Test {
  protected:
    ~Workers() override {
        EXPECT_EQ(rte_mempool_in_use_count(pool_), 0U);
        exception_.reset();
        rte_mempool_free(pool_);
    }

    /// `frame` in segments of at most `size` bytes, as a driver delivers it.
    rte_mbuf* received(const Bytes& frame, std::size_t size = 2048) {
        rte_mbuf* whole = nullptr;
        for (std::size_t at = 0; at < frame.size(); at += size) {
            rte_mbuf* segment = rte_pktmbuf_alloc(pool_);
            const std::size_t length = std::min(size, frame.size() - at);
            std::copy_n(frame.begin() + static_cast<std::ptrdiff_t>(at), length,
                        rte_pktmbuf_append(segment, static_cast<std::uint16_t>(length)));
            if (whole == nullptr) {
                whole = segment;
            } else {
                rte_pktmbuf_chain(whole, segment);
            }
        }
        return whole;
    }

    /// Runs a worker until all frames are dealt with; its drops.
    std::map<std::string, std::uint64_t> run(bool multi_segment) {
        const Plan plan{.rx = {{kAccess, 0}, {kHome, 0}}, .home_devices = {}, .tx = {0, 0}};
        Worker worker{0,
                      plan,
                      {.tables = &lab_.tables(),
                       .exception = exception_.get(),
                       .hand_over = {nullptr, nullptr},
                       .multi_segment = {multi_segment, multi_segment},
                       .pool = pool_}};
        devices_.worker = &worker;
        worker.run();
        std::map<std::string, std::uint64_t> drops;
        for (std::size_t i = 0; i < homeward::stats::kDrops; ++i) {
            if (const auto count = worker.counters().read(static_cast<Drop>(i)); count != 0) {
                drops[std::string{name(static_cast<Drop>(i))}] = count;
            }
        }
        return drops;
    }

    Lab lab_;
    rte_mempool* pool_ = make_pool(255);
    std::unique_ptr<homeward::exception::ExceptionPath> exception_ =
        std::move(homeward::exception::ExceptionPath::create({}, {}, pool_)).value();
    Devices devices_;
};

using Drops = std::map<std::string, std::uint64_t>;

Stack inner(std::size_t data, std::uint8_t ttl = 64) {
    return Ip{.src = kNode, .dst = kPeer, .ttl = ttl} / Udp{.src = 1, .dst = 2} / Raw::pattern(data);
}

/// A chain goes to a device as it is, or in one piece to one that would send only the first segment.
TEST_F(Workers, ChainsAreJoinedForDevicesThatSendNone) {
    for (const bool multi_segment : {true, false}) {
        SCOPED_TRACE(multi_segment);
        devices_.sent.clear();
        devices_.frames = {received(uplink(inner(1000)).bytes(), 400), received(uplink(inner(10)).bytes())};
        EXPECT_EQ(run(multi_segment), Drops{});
        ASSERT_EQ(devices_.sent.size(), 2U);
        EXPECT_EQ(devices_.sent[0].segments, multi_segment ? 3U : 1U);
        EXPECT_EQ(harness::to_hex(devices_.sent[0].frame), harness::to_hex(to_peer(inner(1000, 63)).bytes()));
        EXPECT_EQ(devices_.sent[1].segments, 1U);
    }
}

TEST_F(Workers, AChainThatNoBufferHolds) {
    lab_.set_mtu(kHome, 9000);
    for (const bool multi_segment : {true, false}) {
        SCOPED_TRACE(multi_segment);
        devices_.sent.clear();
        devices_.frames = {received(uplink(inner(4000)).bytes()), received(uplink(inner(10)).bytes())};
        EXPECT_EQ(run(multi_segment), multi_segment ? Drops{} : (Drops{{"port.tx_segments", 1}}));
        EXPECT_EQ(devices_.sent.size(), multi_segment ? 2U : 1U);
    }
}

/// What was put together of fragments leaves in one piece by either device.
TEST_F(Workers, ReassembledPacketsAreInOnePiece) {
    const Bytes whole = uplink(inner(1400)).bytes();
    const auto fragment = [&](std::size_t begin, std::size_t end) {
        Ip ip{.src = kWlan,
              .dst = kHomeAgent,
              .mf = 34 + end < whole.size(),
              .offset = static_cast<std::uint16_t>(begin)};
        ip.protocol = 17;
        const auto at = [&](std::size_t offset) { return whole.begin() + static_cast<std::ptrdiff_t>(34 + offset); };
        return received((Ether{.dst = kAccessMac, .src = kGatewayMac} / ip / Raw{Bytes(at(begin), at(end))}).bytes());
    };
    for (const bool multi_segment : {true, false}) {
        devices_.sent.clear();
        devices_.frames = {fragment(800, whole.size() - 34), fragment(0, 800)};
        EXPECT_EQ(run(multi_segment), Drops{});
        ASSERT_EQ(devices_.sent.size(), 1U);
        EXPECT_EQ(devices_.sent[0].segments, 1U);
        EXPECT_EQ(harness::to_hex(devices_.sent[0].frame), harness::to_hex(to_peer(inner(1400, 63)).bytes()));
    }
}

TEST_F(Workers, DriversPrepareWhatTheySend) {
    for (unsigned i = 0; i < 6; ++i) {
        devices_.frames.push_back(received(uplink(inner(10 + i)).bytes()));
    }
    devices_.refused = {0, 3, 4};
    EXPECT_EQ(run(true), (Drops{{"port.tx_refused", 3}}));
    ASSERT_EQ(devices_.sent.size(), 3U);
    EXPECT_EQ(harness::to_hex(devices_.sent[0].frame), harness::to_hex(to_peer(inner(11, 63)).bytes()));
    EXPECT_EQ(harness::to_hex(devices_.sent[1].frame), harness::to_hex(to_peer(inner(12, 63)).bytes()));
    EXPECT_EQ(harness::to_hex(devices_.sent[2].frame), harness::to_hex(to_peer(inner(15, 63)).bytes()));
    EXPECT_EQ(devices_.prepared, 6U);
}

TEST_F(Workers, WhatTheDriverDoesNotTakeIsDropped) {
    for (unsigned i = 0; i < 6; ++i) {
        devices_.frames.push_back(received(uplink(inner(10)).bytes()));
    }
    devices_.room = 4;
    EXPECT_EQ(run(true), (Drops{{"port.tx_full", 2}}));
    EXPECT_EQ(devices_.sent.size(), 4U);
}

}  // namespace
}  // namespace lab
