#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "selection/observation.h"

namespace homeward::selection {

/// An access point written `02:00:00:00:00:01`; nullopt: it is none. The empty text is 0.
std::optional<Bssid> bssid_of(std::string_view text);
std::string bssid_text(Bssid bssid);

/// A number that stands for a domain's name; never 0, which is "its own".
std::uint32_t domain_of(std::string_view name);

std::string_view name(Technology technology) noexcept;

}  // namespace homeward::selection
