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
    /// Puts a filled trie in force: a packet sees the old table or the new one.
    Status swap(const UniqueFd& trie);

    /// The queue that takes what no uplink may carry.
    Status set_none_queue(std::uint8_t queue);
    Status set_uplink(policy::Label label, bool usable, std::uint8_t queue);

    /// Sums over the CPUs.
    Counters counters() const;
    /// For BPF_PROG_TEST_RUN.
    int program_fd() const;

  private:
    explicit Steering(steering_bpf* skeleton) noexcept : skeleton_(skeleton) {}

    steering_bpf* skeleton_;
};

}  // namespace homeward::bpf
