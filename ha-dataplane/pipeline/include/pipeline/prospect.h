#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "pipeline/quad.h"
#include "policy/table.h"

namespace homeward::pipeline {

/// Four packets' look-up of their sources in advance, in policies that are not flat.
struct alignas(16) Prospect {
    const policy::Table* table = nullptr;  ///< of all four; null: see `apart`
    bool is_apart = false;
    std::array<const policy::Table*, kQuad> apart;  ///< `is_apart`: of each; null: its own is flat, or there is none
    policy::Table::Search search;
    Quad leads;  ///< to the first choices for the sources, their bits: stored at once, for they are read at once

    /// In which packet `which`'s lead was found; null: it was not.
    const policy::Table* table_of(std::size_t which) const noexcept {
        return table != nullptr || !is_apart ? table : apart[which];
    }
    policy::Leads found() const noexcept {
        const auto lead = [&](int i) { return policy::Lead::of_bits(leads[i]); };
        return {lead(0), lead(1), lead(2), lead(3)};
    }
    policy::Lead found(std::size_t which) const noexcept {
        std::uint32_t bits = 0;  // not out of a register that would have to wait for the stores of all four
        std::memcpy(&bits, reinterpret_cast<const std::uint32_t*>(&leads) + which, sizeof bits);
        return policy::Lead::of_bits(bits);
    }
};

}  // namespace homeward::pipeline
