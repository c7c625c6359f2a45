#include "publish/policy_numbers.h"

#include <utility>

namespace homeward::publish {

PolicyNumbers::Acquired PolicyNumbers::acquire(const policy::Digest& digest, PolicyBytes bytes) {
    const auto [entry, is_new] = held_.try_emplace(digest);
    if (is_new) {
        entry->second.number = next_++;
        entry->second.bytes = std::move(bytes);
        by_number_.emplace(entry->second.number, digest);
    }
    ++entry->second.users;
    return {entry->second.number, is_new};
}

std::optional<std::uint32_t> PolicyNumbers::release(std::uint32_t number) {
    const auto named = by_number_.find(number);
    if (named == by_number_.end()) {
        return std::nullopt;
    }
    const auto entry = held_.find(named->second);
    if (--entry->second.users > 0) {
        return std::nullopt;
    }
    held_.erase(entry);
    by_number_.erase(named);
    return number;
}

const PolicyNumbers::Held* PolicyNumbers::find(std::uint32_t number) const {
    const auto named = by_number_.find(number);
    return named == by_number_.end() ? nullptr : &held_.at(named->second);
}

}  // namespace homeward::publish
