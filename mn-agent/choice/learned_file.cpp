#include "choice/learned_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <bit>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <cstring>
#include <fstream>
#include <optional>
#include <sstream>
#include <string>
#include <system_error>

#include "descriptor/unique_fd.h"

namespace homeward::choice {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kMagic = "homeward learned 1";
constexpr std::size_t kMostNumbers = 1 << 20;

/// FNV-1a: against files that were cut or edited, not against anybody who means it.
std::uint64_t checksum_of(std::span<const double> numbers) {
    std::uint64_t sum = 0xcbf29ce484222325U;
    for (const double number : numbers) {
        sum = (sum ^ std::bit_cast<std::uint64_t>(number)) * 0x100000001b3U;
    }
    return sum;
}

/// Shortest text that reads back as the same number.
void append(std::string& text, double number) {
    char digits[32];
    const auto end = std::to_chars(digits, digits + sizeof digits, number);
    text.append(digits, end.ptr);
    text += '\n';
}

std::string text_of(std::string_view engine, std::span<const double> numbers) {
    std::string text = std::string(kMagic) + '\n' + std::string(engine) + ' ' + std::to_string(numbers.size()) + ' ' +
                       std::to_string(checksum_of(numbers)) + '\n';
    for (const double number : numbers) {
        append(text, number);
    }
    return text;
}

std::optional<double> number_in(std::istream& in) {
    std::string word;
    double number = 0;
    if (!(in >> word)) {
        return std::nullopt;
    }
    const auto end = std::from_chars(word.data(), word.data() + word.size(), number);
    return end.ec == std::errc{} && end.ptr == word.data() + word.size() ? std::optional{number} : std::nullopt;
}

Error failed(const char* what, const fs::path& path, int error) {
    return {std::string(what) + ' ' + path.string() + ": " + std::strerror(error)};
}

/// To the disk, too: a rename that outlives a power cut must not point to what did not.
Status write_through(const fs::path& path, std::string_view text) {
    const UniqueFd file{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)};
    if (!file) {
        return failed("writing", path, errno);
    }
    while (!text.empty()) {
        const ssize_t written = ::write(file.get(), text.data(), text.size());
        if (written < 0 && errno != EINTR) {
            return failed("writing", path, errno);
        }
        text.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
    }
    return ::fsync(file.get()) == 0 ? Status{} : Status{failed("writing", path, errno)};
}

}  // namespace

LearnedFile::LearnedFile(const fs::path& directory, std::string_view engine)
    : path_(directory / (std::string(engine) + ".learned")), engine_(engine) {}

Result<std::vector<double>> LearnedFile::read() {
    const auto refused = [this](const char* why) {
        return Error{path_.string() + ": " + why + "; " + engine_ + " begins without it"};
    };
    std::ifstream in(path_);
    std::string magic;
    std::string engine;
    std::size_t count = 0;
    std::uint64_t checksum = 0;
    if (!in) {
        return refused(std::strerror(errno));
    }
    foreign_ = !std::getline(in, magic) || magic != kMagic;
    if (foreign_) {
        return refused("not what this release of homeward-mn writes, and left alone");
    }
    if (!(in >> engine >> count >> checksum) || engine != engine_ || count > kMostNumbers) {
        return refused("not of this engine");
    }
    std::vector<double> numbers;
    numbers.reserve(count);
    for (auto number = number_in(in); number && numbers.size() <= count; number = number_in(in)) {
        numbers.push_back(*number);
    }
    if (numbers.size() != count || !in.eof() || checksum_of(numbers) != checksum) {
        return refused("damaged");
    }
    return numbers;
}

Result<bool> LearnedFile::recall(selection::Engine& engine) {
    std::error_code error;
    if (!fs::exists(path_, error)) {
        return false;
    }
    const Result<std::vector<double>> numbers = read();
    if (!numbers) {
        return numbers.error();
    }
    if (!engine.restore(*numbers)) {
        return Error{path_.string() + ": learned with another site or other constants; " + engine_ +
                     " begins without it"};
    }
    return true;
}

Status LearnedFile::keep(std::span<const double> learned) const {
    if (foreign_ || learned.empty()) {
        return {};
    }
    std::error_code error;
    fs::create_directories(path_.parent_path(), error);  // or the next line says why not
    const fs::path fresh = path_.string() + ".new";
    if (Status status = write_through(fresh, text_of(engine_, learned)); !status) {
        return status;
    }
    if (::rename(fresh.c_str(), path_.c_str()) != 0) {
        return failed("replacing", path_, errno);
    }
    const UniqueFd directory{::open(path_.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    ::fsync(directory.get());
    return {};
}

}  // namespace homeward::choice
