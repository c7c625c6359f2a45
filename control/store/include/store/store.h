#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "mip/identification.h"
#include "policy/generation.h"
#include "result/result.h"
#include "wire/cursor.h"
#include "wire/ipv4.h"

namespace homeward::store {

/// One care-of address, times on the wall clock: the next process has another steady one.
struct StoredBinding {
    std::uint8_t binding_id = 0;
    std::uint8_t label = 0;
    std::uint8_t technology = 0;
    wire::Ipv4Address care_of;  ///< effective
    std::uint16_t port = 0;
    wire::Ipv4Address registered_care_of;
    std::uint16_t lifetime_s = 0;
    mip::UnixTime registered{}, expires{};
};

struct StoredPolicy {
    std::uint8_t source = 0;  ///< registration::PolicySource
    policy::Generation generation;
    std::shared_ptr<const wire::Bytes> bytes;  ///< canonical encoding
};

struct StoredNode {
    wire::Ipv4Address home_address;
    wire::Bytes replay_marks;
    std::vector<StoredBinding> bindings;
    std::optional<StoredPolicy> policy;
    wire::Bytes numbering;  ///< mip::Numbering as it is on the wire; empty: none
};

/// What survives the process, in one SQLite file.
///
/// Writes are collected and committed together: `commit` is called once per turn of the event loop, before the
/// replies of that turn leave, so that what was acknowledged survives kill -9 and many registrations share one
/// transaction. The journal is write-ahead with synchronous=NORMAL: a power cut may lose the last moments, a killed
/// process loses nothing. A policy's bytes are kept once per digest, however many nodes use it.
class Store {
  public:
    /// Creates file and directory when they are missing. The error is one line that names the file and what to do.
    static Result<Store> open(const std::filesystem::path& file);
    ~Store();
    Store(const Store&) = delete;
    Store& operator=(const Store&) = delete;
    Store(Store&&) noexcept;
    Store& operator=(Store&&) noexcept;

    // Failures of these appear in `commit`.
    void put_node(const StoredNode& node);
    void remove_node(wire::Ipv4Address home_address);
    void put_assignment(const std::string& nai, wire::Ipv4Address home_address);
    void remove_assignment(const std::string& nai);

    /// Ends the transaction that the first write began; nothing to do without one.
    Status commit();

    Status load_assignments(const std::function<void(const std::string& nai, wire::Ipv4Address)>& take);
    Status load_nodes(const std::function<void(StoredNode)>& take);

  private:
    struct State;
    explicit Store(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace homeward::store
