#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "descriptor/unique_fd.h"
#include "homeward/steering.h"
#include "policy/rule.h"
#include "policy/table.h"
#include "result/result.h"

struct steering_bpf;

namespace homeward::bpf {

/// The steering program in the kernel and its maps (ebpf/include/homeward/steering.h).
///
/// `fill` may run in any thread, at its leisure; everything else belongs to the agent's loop. Destroying the object
/// does not detach the program: a TUN keeps its own reference, and drops it with the device.
class Steering {
  public:
    using Counters = std::array<std::uint64_t, HOMEWARD_STEERING_COUNTERS>;

    /// Loads the program. The error says why the kernel refused, in one line.
    static Result<std::unique_ptr<Steering>> load();
    ~Steering();
    Steering(const Steering&) = delete;
    Steering& operator=(const Steering&) = delete;

    /// Makes the program choose the queue of every packet that leaves by this multi-queue TUN.
    Status attach(int tun_fd);

    /// A new trie that holds the table and is in nobody's way yet.
    static Result<UniqueFd> fill(const policy::Table& table);
    /// Puts a filled trie in force: a packet sees the old table or the new one. What its
    /// rules, so many, carry counts from zero.
    Status swap(const UniqueFd& trie, std::size_t rules);

    /// The queue that takes what no uplink may carry.
    Status set_none_queue(std::uint8_t queue);
    /// `rate`: as policy::Rates has it.
    Status set_uplink(policy::Label label, bool usable, std::uint8_t queue,
                      std::uint8_t rate = policy::Rates::kFastest);

    /// Sums over the CPUs.
    Counters counters() const;
    /// What the rule of that index in the table in force carried, in user space and past it; rules from
    /// HOMEWARD_RULES_COUNTED on share their numbers.
    homeward_traffic carried_by(std::uint32_t rule) const;

    /// Descriptors of the maps that the fast path shares.
    struct Maps {
        int policy, uplinks, fragments, counters, rules;
    };
    Maps maps() const;
    /// For BPF_PROG_TEST_RUN.
    int program_fd() const;

  private:
    explicit Steering(steering_bpf* skeleton) noexcept : skeleton_(skeleton) {}
    void clear_rules();

    steering_bpf* skeleton_;
    std::size_t rules_ = 0;  ///< of the table in force
};

}  // namespace homeward::bpf
