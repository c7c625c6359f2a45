#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "mip/identification.h"
#include "mip/numbering.h"
#include "policy/generation.h"
#include "policy/rule.h"
#include "wire/cursor.h"
#include "wire/ipv4.h"

namespace homeward::registration {

/// The two clocks, given from outside: what ends by the passing of time is measured on `steady`, identifications and
/// what is stored on `unix`.
struct Now {
    std::chrono::nanoseconds steady{};
    mip::UnixTime unix{};
};

struct Endpoint {
    static constexpr std::uint16_t kNoUdp = 0;  ///< of a tunnel: plain IP in IP (RFC 2003)

    wire::Ipv4Address address;
    std::uint16_t port = 0;

    friend bool operator==(const Endpoint&, const Endpoint&) noexcept = default;
};

/// One care-of address of a node, with a lifetime of its own.
struct Binding {
    std::uint8_t binding_id = 0;           ///< RFC 7629 BID, 1–254; 0: a plain registration
    policy::Label label = 0;               ///< If-Label; 0: a plain registration
    std::uint8_t technology = 0;           ///< If-ATT
    Endpoint tunnel;                       ///< effective care-of address and port: where tunnelled packets go
    wire::Ipv4Address registered_care_of;  ///< as the node named it; differs behind a NAT
    std::uint16_t lifetime_s = 0;          ///< as granted
    std::chrono::nanoseconds registered{}, expires{};  ///< on Now::steady

    bool nat() const noexcept { return registered_care_of != tunnel.address; }
    /// What the data plane knows of a binding is the same: a renewal.
    bool forwards_like(const Binding& other) const noexcept {
        return binding_id == other.binding_id && label == other.label && tunnel == other.tunnel;
    }
};

enum class PolicySource : std::uint8_t {
    none = 0,
    home_agent = 1,     ///< configured here
    flow_bindings = 2,  ///< RFC 7629: labels are binding ids
    node = 3,           ///< synchronised from the node (docs/policy-sync.md)
};

/// A table in force for a node: immutable, the bytes shared by everybody whose table has the same digest.
struct AppliedPolicy {
    PolicySource source = PolicySource::none;
    policy::Generation generation;
    std::shared_ptr<const wire::Bytes> bytes;  ///< canonical encoding
    std::size_t rules = 0;
};
using PolicyRef = std::shared_ptr<const AppliedPolicy>;

/// All that is in force for one node. Replaced as a whole.
struct NodeBindings {
    std::vector<Binding> bindings;  ///< ascending by binding id: without a policy the first one carries everything
    PolicyRef own;                  ///< what the node asked for; null: nothing
    std::optional<mip::Numbering> numbering;  ///< agreed to; none: tunnel packets have no numbers

    const Binding* find(std::uint8_t binding_id) const noexcept {
        for (const Binding& binding : bindings) {
            if (binding.binding_id == binding_id) {
                return &binding;
            }
        }
        return nullptr;
    }
};

}  // namespace homeward::registration
