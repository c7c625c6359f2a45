#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "mip/malformed.h"
#include "mip/reply.h"

namespace homeward::registration {

/// Why a datagram got no answer, apart from mip::Unframed.
enum class Silent : std::uint8_t {
    rate_limited,           ///< the source sent too much that did not authenticate
    not_a_request,          ///< another message type
    unknown_node,           ///< neither NAI nor home address is configured
    unknown_spi,            ///< the node has no such association
    wrong_authenticator,    ///< RFC 5944 §3.8.2.1; answered 131 only when configured
    duplicate_in_progress,  ///< the answer to the same request is on its way
    queue_full,             ///< the node has too many requests waiting for the data plane
    count
};

enum class Event : std::uint8_t {
    requests,
    accepted,
    renewed,     ///< accepted without a change at the data plane
    duplicates,  ///< the cached reply was sent again
    expired,     ///< bindings whose lifetime ran out
    nat_detected,
    policy_chunks,
    dataplane_timeouts,  ///< denied with 130 because the data plane did not confirm in time
    count
};

/// Written by HomeAgent, read on the same thread.
class Counters {
  public:
    void count(mip::Unframed reason) noexcept { ++unframed_[static_cast<std::size_t>(reason)]; }
    void count(Silent reason) noexcept { ++silent_[static_cast<std::size_t>(reason)]; }
    void count(Event event, std::uint64_t by = 1) noexcept { events_[static_cast<std::size_t>(event)] += by; }
    void count(mip::Malformed reason) noexcept { ++malformed_[static_cast<std::size_t>(reason)]; }
    void count(mip::ReplyCode code) noexcept { ++codes_[static_cast<std::uint8_t>(code)]; }

    std::uint64_t of(mip::Unframed reason) const noexcept { return unframed_[static_cast<std::size_t>(reason)]; }
    std::uint64_t of(Silent reason) const noexcept { return silent_[static_cast<std::size_t>(reason)]; }
    std::uint64_t of(Event event) const noexcept { return events_[static_cast<std::size_t>(event)]; }
    std::uint64_t of(mip::Malformed reason) const noexcept { return malformed_[static_cast<std::size_t>(reason)]; }
    std::uint64_t of(mip::ReplyCode code) const noexcept { return codes_[static_cast<std::uint8_t>(code)]; }

    using List = std::vector<std::pair<std::string, std::uint64_t>>;
    /// "registration.<reason>" for every silent drop, zero or not.
    List drops() const;
    /// Events, and replies by code.
    List totals() const;

  private:
    static constexpr std::size_t kUnframed = static_cast<std::size_t>(mip::Unframed::several_authentications) + 1;
    static constexpr std::size_t kMalformed = static_cast<std::size_t>(mip::Malformed::vendor_length) + 1;

    std::array<std::uint64_t, kUnframed> unframed_{};
    std::array<std::uint64_t, kMalformed> malformed_{};
    std::array<std::uint64_t, static_cast<std::size_t>(Silent::count)> silent_{};
    std::array<std::uint64_t, static_cast<std::size_t>(Event::count)> events_{};
    std::array<std::uint64_t, 256> codes_{};
};

}  // namespace homeward::registration
