#include "association.h"

#include <sys/stat.h>

#include <array>
#include <filesystem>

namespace homeward::config {
namespace {

constexpr std::size_t kMinKeyBytes = 16;  // RFC 5944 §5.1: 128 bits
constexpr std::size_t kMaxKeyBytes = 64;  // HMAC would hash a longer one down
constexpr std::size_t kMaxKeyFileBytes = 4096;

constexpr std::string_view kKeyShape = "a key of 16 to 64 bytes as hexadecimal digits";

int nibble(char c) {
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    const char lower = static_cast<char>(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Two digits a byte; white space around is allowed. Empty: not a key.
std::vector<std::uint8_t> parse_key(std::string_view text) {
    constexpr std::string_view kSpace = " \t\r\n";
    const std::size_t first = text.find_first_not_of(kSpace);
    if (first == std::string_view::npos) {
        return {};
    }
    text = text.substr(first, text.find_last_not_of(kSpace) - first + 1);
    std::vector<std::uint8_t> key;
    for (std::size_t i = 0; i + 1 < text.size(); i += 2) {
        const int high = nibble(text[i]);
        const int low = nibble(text[i + 1]);
        if (high < 0 || low < 0) {
            return {};
        }
        key.push_back(static_cast<std::uint8_t>(high << 4 | low));
    }
    return text.size() % 2 == 0 && key.size() >= kMinKeyBytes && key.size() <= kMaxKeyBytes ? key : decltype(key){};
}

void warn_if_exposed(const std::filesystem::path& file, const Value& at, std::vector<std::string>& warnings) {
    struct stat status {};
    if (stat(file.c_str(), &status) == 0 && (status.st_mode & S_IROTH) != 0) {
        std::string warning = at.error(file.string() + " holds a key and may be read by everybody; chmod o-r it").text;
        if (warnings.empty() || warnings.back() != warning) {
            warnings.push_back(std::move(warning));
        }
    }
}

std::vector<std::uint8_t> read_key_file(const Value& value, std::vector<std::string>& warnings) {
    const std::string written = value.text();
    if (written.empty()) {
        return {};
    }
    const auto file = std::filesystem::path{value.file()}.parent_path() / written;
    const auto text = read_file(file, kMaxKeyFileBytes);
    if (!text) {
        value.fail(text.error().text);
        return {};
    }
    auto key = parse_key(*text);
    if (key.empty()) {
        value.fail(file.string() + ": expected " + std::string{kKeyShape} + ", got something else");
    }
    warn_if_exposed(file, value, warnings);
    return key;
}

std::vector<std::uint8_t> read_key(const Map& map, std::vector<std::string>& warnings) {
    const auto in_place = map.find("key");
    const auto file = map.find("key_file");
    if (in_place.has_value() == file.has_value()) {
        map.value().fail("expected either key or key_file");
        return {};
    }
    if (file) {
        return read_key_file(*file, warnings);
    }
    auto key = parse_key(in_place->raw());
    if (key.empty()) {
        in_place->fail("expected " + std::string{kKeyShape} + ", got something else");
    }
    warn_if_exposed(in_place->file(), *in_place, warnings);
    return key;
}

}  // namespace

SecurityAssociation read_association(const Value& value, std::vector<std::string>& warnings) {
    const Map map{value, {"spi", "algorithm", "key", "key_file", "replay"}};
    SecurityAssociation read;
    if (const auto spi = map.require("spi")) {
        read.spi = spi->number<std::uint32_t>(256, 0xffffffff);
    }
    if (const auto algorithm = map.find("algorithm")) {
        read.algorithm =
            algorithm->one_of<Algorithm>({{"hmac-md5", Algorithm::hmac_md5}, {"hmac-sha256", Algorithm::hmac_sha256}});
    }
    if (const auto replay = map.find("replay")) {
        read.replay = replay->one_of<Replay>({{"timestamp", Replay::timestamp},
                                              {"timestamp-per-binding", Replay::timestamp_per_binding},
                                              {"nonce", Replay::nonce}});
    }
    read.key = read_key(map, warnings);
    return read;
}

}  // namespace homeward::config
