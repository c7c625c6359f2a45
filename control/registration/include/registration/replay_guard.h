#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "config/home_agent.h"
#include "mip/identification.h"
#include "wire/cursor.h"

namespace homeward::registration {

/// Decides whether a node's authenticated request is fresh (RFC 5944 §5.7), for one node.
///
/// Theory of operation. With timestamps, a request is fresh when it is near our clock and later than every one
/// accepted before: `node_mark_` is that high water. Per binding, each binding id has a mark of its own, so that two
/// interfaces may register at the same time in any order; what is about the whole node (no Multipath extension, B, O)
/// must be later than all marks, and raises `node_mark_`, which is a floor for every binding's. Marks outlive
/// bindings: else deregistering would make the earlier registration fresh again. With nonces, a request is fresh when
/// its high half is the one that our last reply gave out. A stale request changes nothing, in particular no nonce.
class ReplayGuard {
  public:
    /// What the request is about: one binding id, or the whole node.
    using Scope = std::optional<std::uint8_t>;

    bool fresh(config::Replay style, mip::Identification id, Scope scope, mip::UnixTime now,
               std::chrono::nanoseconds tolerance) const noexcept;
    /// Notes that `id`, found fresh, was used. `random` is the next nonce.
    void use(config::Replay style, mip::Identification id, Scope scope, std::uint32_t random);

    /// The identification of the reply to `id`: when accepted as fresh all of it, with nonces the next one in the high
    /// half; when not, our clock or the nonce that is expected (resynchronisation).
    mip::Identification reply_to(config::Replay style, mip::Identification id, bool was_fresh, mip::UnixTime now,
                                 std::uint32_t random);

    /// For the store. `restore` ignores bytes it would not have written.
    wire::Bytes encode() const;
    void restore(wire::ByteView bytes);

  private:
    struct BindingMark {
        std::uint8_t binding_id = 0;
        mip::Identification mark;
    };
    bool later_than_marks(config::Replay style, mip::Identification id, Scope scope) const noexcept;

    std::optional<mip::Identification> node_mark_;
    std::vector<BindingMark> binding_marks_;
    std::optional<std::uint32_t> nonce_;
};

}  // namespace homeward::registration
