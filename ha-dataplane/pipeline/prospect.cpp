#include "pipeline/prospect.h"

#include <array>

#include "pipeline/pipeline.h"

/// Large policies, looked up in advance: a step for each group of packets, between those of others. Out of their loop's
/// way, which has no register to spare.
namespace homeward::pipeline {

[[gnu::noinline]] void Pipeline::begin_policies(Group group) {
    unsigned up = up_[group.begin / kGroup];
    for (unsigned at = group.begin; at < group.end; at += kQuad, up >>= kQuad) {
        Prospect& prospect = prospects_[at / kQuad];
        prospect.table = nullptr;
        prospect.is_apart = false;
        if (at + kQuad <= group.end && (up & 0xf) == 0) [[likely]] {
            begin_policy(&express_[at], prospect);
        }
    }
}

/// As the nodes' policies are now: another one may be in force when the packets are sent.
[[gnu::always_inline]] inline void Pipeline::begin_policy(const Express* packets, Prospect& prospect) {
    const std::array<const tables::Binding*, kQuad> nodes = {packets[0].binding, packets[1].binding, packets[2].binding,
                                                             packets[3].binding};
    const auto has_page = [&](unsigned i) { return tables::Directory::Reader::has_page(nodes[i]); };
    if (!has_page(0) || !has_page(1) || !has_page(2) || !has_page(3)) [[unlikely]] {
        return;
    }
    const auto policy_of = [&](unsigned i) { return nodes[i]->policy.load(std::memory_order_acquire); };
    const tables::Policy* policy = policy_of(0);
    if (policy != policy_of(1) || policy != policy_of(2) || policy != policy_of(3)) [[unlikely]] {
        begin_apart(packets, prospect);
    } else if (policy != nullptr && !policy->table.flat()) [[likely]] {
        const auto source = [&](unsigned i) { return packets[i].ip->source.raw(); };
        prospect.table = &policy->table;
        policy->table.begin(swapped(Quad{source(0), source(1), source(2), source(3)}), prospect.search);
    }
}

/// The nodes have several.
[[gnu::noinline]] void Pipeline::begin_apart(const Express* packets, Prospect& prospect) {
    prospect.is_apart = true;
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kQuad; ++i) {
        const tables::Policy* policy = packets[i].binding->policy.load(std::memory_order_acquire);
        prospect.apart[i] = policy == nullptr || policy->table.flat() ? nullptr : &policy->table;
        if (prospect.apart[i] != nullptr) {
            prospect.apart[i]->begin(packets[i].ip->from(), prospect.search, i);
        }
    }
}

[[gnu::noinline]] void Pipeline::descend_policies(Group group) {
    for (unsigned at = group.begin; at < group.end; at += kQuad) {
        Prospect& prospect = prospects_[at / kQuad];
        if (prospect.table != nullptr) [[likely]] {
            prospect.table->descend(prospect.search);
        } else if (prospect.is_apart) {
            descend_apart(prospect);
        }
    }
}

[[gnu::noinline]] void Pipeline::descend_apart(Prospect& prospect) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kQuad; ++i) {
        if (prospect.apart[i] != nullptr) [[likely]] {
            prospect.apart[i]->descend(prospect.search, i);
        }
    }
}

[[gnu::noinline]] void Pipeline::settle_policies(Group group) {
    for (unsigned at = group.begin; at < group.end; at += kQuad) {
        Prospect& prospect = prospects_[at / kQuad];
        if (prospect.table != nullptr) [[likely]] {
            const policy::Leads leads = prospect.table->settle(prospect.search);
            prospect.leads = Quad{leads[0].bits(), leads[1].bits(), leads[2].bits(), leads[3].bits()};
            large_seen_ = true;
        } else if (prospect.is_apart) {
            settle_apart(prospect);
        }
    }
}

[[gnu::noinline]] void Pipeline::settle_apart(Prospect& prospect) {
#pragma GCC unroll 4
    for (std::size_t i = 0; i < kQuad; ++i) {
        if (prospect.apart[i] != nullptr) [[likely]] {
            prospect.leads[i] = prospect.apart[i]->settle(prospect.search, i).bits();
            large_seen_ = true;
        }
    }
}

}  // namespace homeward::pipeline
