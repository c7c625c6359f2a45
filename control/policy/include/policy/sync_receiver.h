#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "policy/sync_message.h"

namespace homeward::policy {

/// A table's canonical encoding, shared by all nodes that use it.
using SharedTable = std::shared_ptr<const wire::Bytes>;

struct SyncLimits {
    std::uint32_t max_rules = 100'000;
    std::size_t max_bytes = 100'000 * std::size_t{20};  ///< of one node's transfer while it is assembled
    Time timeout = std::chrono::seconds{30};            ///< without a piece: the assembly is given up
};

/// The home agent's end of the synchronisation, one per node: takes the node's table and says what is in force.
/// Call it only with payloads of requests that were authenticated, fresh and accepted. At most one assembly exists.
class SyncReceiver {
  public:
    enum class Verdict : std::uint8_t {
        malformed,  ///< nothing changed; count it
        noted,      ///< nothing new
        piece,      ///< taken into the assembly
        complete,   ///< `table` is what the node wants: apply it, then call `in_force`, or `not_applied`
        refused,    ///< the reply says why
    };
    struct Table {
        Generation generation;
        Policy policy;
        SharedTable encoded;
    };
    struct Outcome {
        Verdict verdict = Verdict::noted;
        std::optional<Table> table;
    };
    /// Finds a table that the home agent has already, for whichever node; null: unknown. May be empty.
    using Find = std::function<SharedTable(const Digest&)>;

    /// What the home agent applies to this node from now on, whoever it came from; `encoded` null: it is no base for a
    /// delta (a table that came as RFC 7629 flow bindings). Also after a restart, from the store.
    void in_force(const Generation& generation, SharedTable encoded);
    /// The last complete table could not be applied; the node will bring it over again, later.
    void not_applied();
    /// Nothing is applied any more (the last binding is gone).
    void nothing_in_force();

    Outcome request(wire::ByteView payload, Time now, const SyncLimits& limits, const Find& find);
    /// The payload of the reply, at most `capacity` bytes (at least kMinReply). With the size of the request's payload
    /// as `capacity` a reply is never longer than what it answers.
    wire::Bytes reply(std::size_t capacity) const;
    static constexpr std::size_t kMinReply = 1 + 1 + 4 + 32 + 4 + 2 + 2 + 2;

    /// Gives an assembly up that got no piece for `limits.timeout`; true: it did.
    bool expire(Time now, const SyncLimits& limits);

    /// What the node said it has, in its last request.
    const std::optional<Generation>& node_table() const { return node_table_; }
    const std::optional<Generation>& applied() const { return in_force_; }
    std::size_t assembly_bytes() const { return assembly_ ? assembly_->bytes.size() : 0; }

  private:
    struct Assembly {
        Chunk head;  ///< without data
        Generation target;
        wire::Bytes bytes;
        std::vector<bool> held;
        std::uint32_t missing = 0;
        std::uint32_t first_missing = 0;
        std::uint16_t number = 0;
        std::uint16_t serial = 0;
        Time last_piece{};
    };

    Outcome take_piece(const SyncRequest& request, Time now, const SyncLimits& limits);
    bool begin(const SyncRequest& request, Time now);
    Outcome finish(const SyncLimits& limits);
    Outcome refuse(Answer answer, const Chunk& chunk);
    Outcome adopt(const Generation& generation, const SharedTable& table, const SyncLimits& limits);
    bool settled(const Generation& generation) const;

    std::optional<Generation> in_force_;
    SharedTable base_;
    std::optional<Generation> node_table_;
    std::optional<Generation> delivered_;  ///< complete, `in_force` not yet called
    std::optional<Assembly> assembly_;
    std::optional<Progress> last_;  ///< of a transfer that is complete or refused
    Answer answer_ = Answer::held;
};

}  // namespace homeward::policy
