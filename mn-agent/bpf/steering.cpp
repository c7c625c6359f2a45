#include "bpf_steering/steering.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/if_tun.h>
#include <sys/ioctl.h>
#include <sys/resource.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "per_cpu.h"
#include "steering.skel.h"

namespace homeward::bpf {
namespace {

constexpr std::uint32_t kSlot = 0;
constexpr std::uint32_t kBatch = 4096;

std::string reason(int error) {
    return std::strerror(error);
}

/// libbpf explains on stderr at length; one line from us is enough for an operator, who is told errno.
int silence(libbpf_print_level, const char*, va_list) {
    return 0;
}

/// Kernels before 5.11 charge maps to RLIMIT_MEMLOCK. Refusal shows when the program is loaded.
void raise_memlock() {
    const rlimit unlimited{RLIM_INFINITY, RLIM_INFINITY};
    ::setrlimit(RLIMIT_MEMLOCK, &unlimited);
}

homeward_candidate to_map(const policy::Candidate& from) {
    homeward_candidate to{};
    to.port_first = from.ports.first;
    to.port_last = from.ports.last;
    to.protocol = from.protocol;
    to.any_port = from.ports.any() ? 1 : 0;
    to.label_count = static_cast<std::uint8_t>(from.uplinks.size());
    std::copy(from.uplinks.begin(), from.uplinks.end(), to.labels);
    to.mode = static_cast<std::uint8_t>(from.mode);
    to.weights = from.weights.bits();
    to.rule = from.rule;
    return to;
}

homeward_entry to_map(const policy::Entry& from) {
    homeward_entry to{};
    to.candidate_count = static_cast<std::uint32_t>(from.candidates.size());
    for (std::size_t i = 0; i < from.candidates.size() && i < HOMEWARD_MAX_CANDIDATES; ++i) {
        to.candidates[i] = to_map(from.candidates[i]);
    }
    return to;
}

/// Kernels before 5.13 have no batch for tries: then one call per entry.
int update(int map, const std::vector<homeward_lpm_key>& keys, const std::vector<homeward_entry>& values) {
    auto count = static_cast<std::uint32_t>(keys.size());
    if (bpf_map_update_batch(map, keys.data(), values.data(), &count, nullptr) == 0) {
        return 0;
    }
    for (std::size_t i = 0; i < keys.size(); ++i) {
        if (bpf_map_update_elem(map, &keys[i], &values[i], BPF_ANY) != 0) {
            return errno;
        }
    }
    return 0;
}

/// As count_rule in ebpf/policy_lookup.h.
std::uint32_t rule_slot(std::uint32_t rule) {
    if (rule == policy::kFallbackRule) {
        return HOMEWARD_DEFAULT_RULE;
    }
    return std::min<std::uint32_t>(rule, HOMEWARD_LATER_RULES);
}

}  // namespace

Result<std::unique_ptr<Steering>> Steering::load() {
    using policy::Mode;
    static_assert(int{HOMEWARD_MODE_PREFER} == int(Mode::prefer) && int{HOMEWARD_MODE_SPREAD} == int(Mode::spread) &&
                  int{HOMEWARD_MODE_SPREAD_BY_RATE} == int(Mode::spread_by_rate) &&
                  int{HOMEWARD_MODE_REDUNDANT} == int(Mode::redundant));
    static_assert(policy::kMaxCandidates == HOMEWARD_MAX_CANDIDATES && policy::kMaxUplinks == HOMEWARD_MAX_UPLINKS);
    libbpf_set_print(silence);
    raise_memlock();
    steering_bpf* skeleton = steering_bpf__open();
    if (skeleton == nullptr) {
        return Error{"BPF steering program cannot be read: " + reason(errno)};
    }
    std::unique_ptr<Steering> steering{new Steering(skeleton)};
    if (const int error = steering_bpf__load(skeleton); error != 0) {
        const bool refused = error == -EPERM || error == -EACCES;
        return Error{"the kernel refuses the BPF steering program: " + reason(-error) +
                     (refused ? " (needs CAP_BPF or root)" : "")};
    }
    return steering;
}

Steering::~Steering() {
    steering_bpf__destroy(skeleton_);
}

Status Steering::attach(int tun_fd) {
    int program = program_fd();
    if (::ioctl(tun_fd, TUNSETSTEERINGEBPF, &program) != 0) {
        return Error{"TUNSETSTEERINGEBPF: " + reason(errno)};
    }
    return {};
}

Result<UniqueFd> Steering::fill(const policy::Table& table) {
    const std::vector<policy::Entry> entries = table.entries();
    LIBBPF_OPTS(bpf_map_create_opts, options, .map_flags = BPF_F_NO_PREALLOC);
    const auto room = static_cast<std::uint32_t>(std::max<std::size_t>(entries.size(), 1));
    UniqueFd trie{bpf_map_create(BPF_MAP_TYPE_LPM_TRIE, "homeward_policy", sizeof(homeward_lpm_key),
                                 sizeof(homeward_entry), room, &options)};
    if (!trie) {
        return Error{"no BPF map for " + std::to_string(entries.size()) + " prefixes: " + reason(errno)};
    }
    std::vector<homeward_lpm_key> keys;
    std::vector<homeward_entry> values;
    keys.reserve(kBatch);
    values.reserve(kBatch);
    for (std::size_t i = 0; i < entries.size(); ++i) {
        keys.push_back({entries[i].prefix.length, entries[i].prefix.network.wire().raw()});
        values.push_back(to_map(entries[i]));
        if (keys.size() == kBatch || i + 1 == entries.size()) {
            if (const int error = update(trie.get(), keys, values); error != 0) {
                return Error{"filling the BPF policy map: " + reason(error)};
            }
            keys.clear();
            values.clear();
        }
    }
    return trie;
}

Status Steering::swap(const UniqueFd& trie, std::size_t rules) {
    const int slot_value = trie.get();
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.policy), &kSlot, &slot_value, BPF_ANY) != 0) {
        return Error{"swapping the BPF policy map: " + reason(errno)};
    }
    clear_rules();
    rules_ = rules;
    return {};
}

Status Steering::set_none_queue(std::uint8_t queue) {
    return set_uplink(HOMEWARD_LABEL_NONE, false, queue);
}

Status Steering::set_uplink(policy::Label label, bool usable, std::uint8_t queue, std::uint8_t rate) {
    const std::uint32_t key = label;
    homeward_uplink_state state{};
    state.usable = usable ? 1 : 0;
    state.queue = queue;
    state.rate = rate;
    if (bpf_map_update_elem(bpf_map__fd(skeleton_->maps.uplinks), &key, &state, BPF_ANY) != 0) {
        return Error{"BPF uplink state: " + reason(errno)};
    }
    return {};
}

Steering::Counters Steering::counters() const {
    Counters sums{};
    for (std::uint32_t which = 0; which < HOMEWARD_STEERING_COUNTERS; ++which) {
        sums[which] = sum_of<std::uint64_t>(bpf_map__fd(skeleton_->maps.counters), which);
    }
    return sums;
}

homeward_traffic Steering::carried_by(std::uint32_t rule) const {
    return sum_of<homeward_traffic>(bpf_map__fd(skeleton_->maps.rules), rule_slot(rule));
}

void Steering::clear_rules() {
    const int map = bpf_map__fd(skeleton_->maps.rules);
    const std::vector<homeward_traffic> zeros(static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)));
    const auto clear = [&](std::uint32_t slot) { bpf_map_update_elem(map, &slot, zeros.data(), BPF_ANY); };
    for (std::uint32_t slot = 0; slot < rules_ && slot < HOMEWARD_RULES_COUNTED; ++slot) {
        clear(slot);
    }
    clear(HOMEWARD_LATER_RULES);
    clear(HOMEWARD_DEFAULT_RULE);
}

Steering::Maps Steering::maps() const {
    return {bpf_map__fd(skeleton_->maps.policy), bpf_map__fd(skeleton_->maps.uplinks),
            bpf_map__fd(skeleton_->maps.fragments), bpf_map__fd(skeleton_->maps.counters),
            bpf_map__fd(skeleton_->maps.rules)};
}

int Steering::program_fd() const {
    return bpf_program__fd(skeleton_->progs.homeward_steer);
}

}  // namespace homeward::bpf
