#pragma once

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "homeward/fast_path.h"
#include "homeward/steering.h"

namespace homeward::bpf {

inline void accumulate(std::uint64_t& sum, std::uint64_t value) {
    sum += value;
}
inline void accumulate(homeward_traffic& sum, const homeward_traffic& value) {
    sum.packets += value.packets;
    sum.bytes += value.bytes;
}
inline void accumulate(homeward_joining& sum, const homeward_joining& value) {
    sum.packets += value.packets;
}

/// One element of a per-CPU array, summed over the CPUs; zero when it cannot be read.
template <class Value>
Value sum_of(int map, std::uint32_t key) {
    static_assert(sizeof(Value) % 8 == 0, "the kernel pads to eight bytes");
    std::vector<Value> values(static_cast<std::size_t>(std::max(libbpf_num_possible_cpus(), 1)));
    Value sum{};
    if (bpf_map_lookup_elem(map, &key, values.data()) == 0) {
        for (const Value& value : values) {
            accumulate(sum, value);
        }
    }
    return sum;
}

}  // namespace homeward::bpf
