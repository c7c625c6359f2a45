#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

#include "policy/delta.h"
#include "policy/sync.h"

namespace {

using namespace homeward;

policy::Policy small_table() {
    policy::Policy policy;
    policy.fallback = {1, 2};
    for (std::uint32_t i = 0; i < 20; ++i) {
        policy.rules.push_back({wire::Ipv4Prefix::of(wire::Ipv4Address{0x0a000000 + (i << 8U)}, 24), 0, {}, {2, 1}});
    }
    return policy;
}

/// A message that decodes encodes to the same bytes.
template <class Decoded>
void expect_same(const Decoded& decoded, wire::ByteView bytes) {
    if (decoded) {
        const wire::Bytes again = policy::encode(*decoded);
        if (!std::equal(again.begin(), again.end(), bytes.begin(), bytes.end())) {
            std::abort();
        }
    }
}

}  // namespace

/// The bytes as a request to a home agent that holds a table, as a reply to a node in mid-transfer, and as a delta.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const wire::ByteView bytes{data, size};
    expect_same(policy::decode_sync_request(bytes), bytes);
    expect_same(policy::decode_sync_reply(bytes), bytes);

    static const policy::Policy table = small_table();
    static const auto encoded = std::make_shared<const wire::Bytes>(policy::encode(table));
    static const policy::Digest digest = policy::digest(*encoded);
    constexpr policy::Time kNow = std::chrono::seconds{1};
    policy::SyncLimits limits;
    limits.max_rules = 1000;
    limits.max_bytes = 20'000;
    policy::SyncReceiver receiver;
    receiver.in_force({1, digest}, encoded);
    const auto outcome = receiver.request(bytes, kNow, limits, {});
    if (receiver.assembly_bytes() > limits.max_bytes || (outcome.table && outcome.table->policy.rules.size() > 1000) ||
        !policy::decode_sync_reply(receiver.reply(1000))) {
        std::abort();
    }

    policy::SyncSender sender;
    sender.set(std::make_shared<const policy::Policy>(table), {2, digest});
    sender.request(policy::kSyncChunkOverhead + 64, kNow);
    sender.reply(policy::encode(policy::SyncReply{}), kNow);
    while (sender.due(kNow)) {
        sender.request(policy::kSyncChunkOverhead + 64, kNow);
    }
    sender.reply(bytes, kNow);

    const auto made = policy::apply_delta(bytes, table, limits.max_rules);
    if (made && made->rules.size() > limits.max_rules) {
        std::abort();
    }
    return 0;
}
