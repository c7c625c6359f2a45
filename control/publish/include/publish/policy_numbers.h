#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>

#include "policy/generation.h"
#include "wire/cursor.h"

namespace homeward::publish {

/// A policy's canonical encoding, shared by everyone who names it.
using PolicyBytes = std::shared_ptr<const wire::Bytes>;

/// Numbers policies for the data plane: one number per digest, however many nodes use it, for as long as one does.
/// Numbers are never used twice in the life of a process, so that a late removal cannot hit a newer table.
class PolicyNumbers {
  public:
    struct Held {
        std::uint32_t number = 0;
        std::uint64_t users = 0;
        PolicyBytes bytes;
    };
    struct Acquired {
        std::uint32_t number = 0;
        bool is_new = false;  ///< the data plane does not have it yet
    };

    Acquired acquire(const policy::Digest& digest, PolicyBytes bytes);
    /// The number to remove at the data plane, when that was the last user.
    std::optional<std::uint32_t> release(std::uint32_t number);

    /// By number, in ascending order.
    const std::map<std::uint32_t, policy::Digest>& by_number() const noexcept { return by_number_; }
    const Held* find(std::uint32_t number) const;

  private:
    std::map<policy::Digest, Held> held_;
    std::map<std::uint32_t, policy::Digest> by_number_;
    std::uint32_t next_ = 1;
};

}  // namespace homeward::publish
