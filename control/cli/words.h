#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace homeward::cli {

// How quantities are written for people.

/// "0 B", "1023 B", "1.21 MiB".
std::string bytes_text(double bytes);
/// Bits per second, decimal units as for links: "14.67 Mbit/s".
std::string rate_text(double bits_per_second);
/// The two largest units: "1 minute, 3 seconds", "2 days, 5 hours"; below a second "0 seconds".
std::string duration_text(double seconds);
/// "1 minute, 3 seconds ago"; "now" below a second.
std::string ago_text(double seconds);
/// "in 57 seconds"; "now" when it is due.
std::string until_text(double seconds);
/// "1 rule", "2 rules", "100,000 rules".
std::string count_text(std::uint64_t count, std::string_view noun);
/// "100,000".
std::string grouped(std::uint64_t number);
/// The first 12 hex digits, enough to compare by eye.
std::string short_digest(std::string_view hex);
/// Control characters, which a terminal would obey, become '?'.
std::string printable(std::string_view text);

}  // namespace homeward::cli
