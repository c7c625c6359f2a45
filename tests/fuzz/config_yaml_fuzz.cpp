#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/home_agent.h"
#include "config/mobile_node.h"
#include "config/policy_file.h"

/// The text as each of the three files. An error is one line.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace homeward;
    const std::string_view text{reinterpret_cast<const char*>(data), size};
    const auto expect_one_line = [](const auto& read) {
        if (!read && (read.error().text.find('\n') != std::string::npos || read.error().text.empty())) {
            std::abort();
        }
    };
    expect_one_line(config::parse_policy("x.yaml", text, {{"wlan", 1}, {"cellular", 2}}));
    expect_one_line(config::parse_home_agent("x.yaml", text));
    expect_one_line(config::parse_mobile_node("x.yaml", text));
    return 0;
}
