/// A read from the TUN: offload header and packet. What is cut must fit where it is written, and what comes back from
/// the coalescer, cut again, must be the packets that went in.
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "tunnel/coalescer.h"
#include "tunnel/segmenter.h"
#include "tunnel/send_batch.h"

namespace {

using homeward::tunnel::Coalescer;
using homeward::tunnel::OffloadHeader;
using homeward::tunnel::Segmenter;
using homeward::tunnel::SendBatch;
using Packets = std::vector<std::vector<std::uint8_t>>;

constexpr std::size_t kSmallestPacket = 20;
constexpr std::size_t kDontFragment = 6;

void require(bool holds) {
    if (!holds) {
        std::abort();
    }
}

Packets cut(Segmenter& segmenter) {
    Packets packets;
    std::vector<std::uint8_t> out(segmenter.bytes());
    std::size_t bytes = 0;
    while (const std::size_t size = segmenter.next(out.data())) {
        packets.emplace_back(out.data(), out.data() + size);
        bytes += size;
    }
    require(packets.size() == segmenter.count() && bytes == segmenter.bytes());
    return packets;
}

/// What becomes of packets between a receiving node's sockets and its kernel.
Packets join(Packets packets) {
    Coalescer coalescer{true};
    Packets result;
    const auto write_all = [&] {
        for (std::size_t i = 0; i < coalescer.trains(); ++i) {
            const auto pieces = coalescer.finish(i);
            OffloadHeader offload;
            std::memcpy(&offload, pieces[0].iov_base, sizeof offload);
            std::vector<std::uint8_t> whole;
            for (const iovec& piece : pieces.subspan(1)) {
                const auto* bytes = static_cast<const std::uint8_t*>(piece.iov_base);
                whole.insert(whole.end(), bytes, bytes + piece.iov_len);
            }
            Segmenter segmenter;
            require(whole.size() <= 65535 && segmenter.begin(offload, whole));
            for (auto& packet : cut(segmenter)) {
                result.push_back(std::move(packet));
            }
        }
        coalescer.clear();
    };
    for (auto& packet : packets) {
        if (!coalescer.add(packet)) {
            write_all();
            require(coalescer.add(packet));
        }
    }
    write_all();
    return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    OffloadHeader offload;
    if (size < sizeof offload + kSmallestPacket || size > sizeof offload + 65535 || data[sizeof offload] >> 4U != 4) {
        return 0;
    }
    std::memcpy(&offload, data, sizeof offload);
    const homeward::wire::ByteView packet{data + sizeof offload, size - sizeof offload};
    Segmenter segmenter;
    static SendBatch batch;
    batch.clear();
    if (!segmenter.begin(offload, packet) || !batch.fits(segmenter)) {
        return 0;
    }
    const Packets packets = cut(segmenter);
    require(segmenter.begin(offload, packet));
    batch.set_trains(true);
    while (const std::size_t length = segmenter.next(batch.room())) {
        batch.push(length, packet[1]);
    }
    std::size_t sent = 0;
    while (!batch.empty()) {
        sent += batch.sent(batch.lay_out()).packets;
    }
    require(sent == packets.size());
    const Packets result = join(packets);
    // Identifications under DF are nobody's business; here they are counted anyway.
    require(result == packets || (packet[kDontFragment] & 0x40U) != 0);
    return 0;
}
