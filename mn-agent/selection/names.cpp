#include "selection/names.h"

#include <array>
#include <charconv>

namespace homeward::selection {

std::optional<Bssid> bssid_of(std::string_view text) {
    constexpr std::size_t kText = 17;
    if (text.empty()) {
        return 0;
    }
    if (text.size() != kText) {
        return std::nullopt;
    }
    Bssid bssid = 0;
    for (std::size_t i = 0; i < kText; i += 3) {
        std::uint8_t octet = 0;
        const auto [end, error] = std::from_chars(text.data() + i, text.data() + i + 2, octet, 16);
        if (error != std::errc{} || end != text.data() + i + 2 || (i + 2 < kText && text[i + 2] != ':')) {
            return std::nullopt;
        }
        bssid = bssid << 8U | octet;
    }
    return bssid;
}

std::string bssid_text(Bssid bssid) {
    static constexpr std::string_view kDigits = "0123456789abcdef";
    std::string text;
    for (int shift = 40; shift >= 0; shift -= 8) {
        const auto octet = static_cast<unsigned>(bssid >> static_cast<unsigned>(shift) & 0xffU);
        text += text.empty() ? "" : ":";
        text += kDigits[octet >> 4U];
        text += kDigits[octet & 0xfU];
    }
    return text;
}

/// FNV-1a.
std::uint32_t domain_of(std::string_view name) {
    std::uint32_t hash = 2166136261U;
    for (const char c : name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 16777619U;
    }
    return hash == 0 ? 1 : hash;
}

std::string_view name(Technology technology) noexcept {
    static constexpr std::array<std::string_view, 5> kNames{"ethernet", "wlan", "umts", "lte", "nr"};
    return kNames[static_cast<std::size_t>(technology)];
}

}  // namespace homeward::selection
