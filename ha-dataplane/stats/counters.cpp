#include "stats/counters.h"

namespace homeward::stats {
namespace {

#define HOMEWARD_NAME(identifier, name) name,
constexpr std::array<std::string_view, kDrops> kDropNames = {HOMEWARD_DROPS(HOMEWARD_NAME)};
constexpr std::array<std::string_view, kEvents> kEventNames = {HOMEWARD_EVENTS(HOMEWARD_NAME)};
#undef HOMEWARD_NAME

}  // namespace

std::string_view name(Drop drop) noexcept {
    return kDropNames[static_cast<std::size_t>(drop)];
}

std::string_view name(Event event) noexcept {
    return kEventNames[static_cast<std::size_t>(event)];
}

}  // namespace homeward::stats
