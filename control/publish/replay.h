#pragma once

#include <optional>

#include "publish/policy_numbers.h"
#include "publish/publisher.h"
#include "wire/cursor.h"

namespace homeward::publish {

/// Sends one policy in as many chunks as it needs.
class PolicyChunks {
  public:
    PolicyChunks(std::uint32_t number, PolicyBytes bytes) : number_(number), bytes_(std::move(bytes)) {}
    wire::Bytes next(std::uint64_t sequence);
    bool done() const noexcept { return offset_ == bytes_->size(); }

  private:
    std::uint32_t number_;
    PolicyBytes bytes_;
    std::size_t offset_ = 0;
};

/// The packets of one full replay, produced one at a time as the socket takes them.
class Replay {
  public:
    Replay(const Source& source, const PolicyNumbers& policies) : source_(source), policies_(policies) {}

    /// The next packet; empty after sync_end was given out.
    wire::Bytes next(std::uint64_t sequence);
    bool done() const noexcept { return stage_ == Stage::done; }

  private:
    enum class Stage { begin, settings, networks, policies, bindings, end, done };

    wire::Bytes networks(std::uint64_t sequence);
    wire::Bytes next_policy(std::uint64_t sequence);
    wire::Bytes next_bindings(std::uint64_t sequence);

    const Source& source_;
    const PolicyNumbers& policies_;
    Stage stage_ = Stage::begin;
    std::uint32_t last_policy_ = 0;
    std::optional<PolicyChunks> chunks_;
    std::optional<std::uint32_t> last_binding_;
};

}  // namespace homeward::publish
