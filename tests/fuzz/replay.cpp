#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <vector>

/// Runs a fuzz target without a fuzzer: over every seed file, every truncation of it, and every single-bit flip of its
/// first kilobyte. Each input is a heap block of exactly its size.
///
///   replay SEED_DIRECTORY
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

std::size_t inputs = 0;

void feed(const std::vector<std::uint8_t>& bytes, std::size_t size) {
    const std::unique_ptr<std::uint8_t[]> exact{new std::uint8_t[size]};
    std::copy_n(bytes.begin(), size, exact.get());
    LLVMFuzzerTestOneInput(exact.get(), size);
    ++inputs;
}

void feed_variants(std::vector<std::uint8_t> seed) {
    constexpr std::size_t kFlippedBytes = 1024;
    for (std::size_t size = 0; size <= seed.size(); ++size) {
        feed(seed, size);
    }
    for (std::size_t bit = 0; bit < std::min(seed.size(), kFlippedBytes) * 8; ++bit) {
        const auto mask = static_cast<std::uint8_t>(1U << bit % 8);
        seed[bit / 8] ^= mask;
        feed(seed, seed.size());
        seed[bit / 8] ^= mask;
    }
}

}  // namespace

int main(int argc, char** argv) {
    if (argc != 2) {
        std::fputs("usage: replay SEED_DIRECTORY\n", stderr);
        return 2;
    }
    for (const auto& entry : std::filesystem::directory_iterator(argv[1])) {
        std::ifstream file(entry.path(), std::ios::binary);
        feed_variants({std::istreambuf_iterator<char>(file), {}});
    }
    std::printf("%zu inputs\n", inputs);
    return inputs == 0 ? 1 : 0;
}
