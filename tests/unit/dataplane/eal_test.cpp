#include "ports/eal.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "ports/quiet_interface.h"

namespace homeward::ports {
namespace {

TEST(Eal, TellsPciAddressesFromVirtualDevices) {
    for (const char* device : {"01:00.0", "0000:01:00.1", "0000:01:00.1,mac=1", "10000:e1:00.7"}) {
        EXPECT_TRUE(is_pci_address(device)) << device;
    }
    for (const char* device : {"", "net_af_xdp0,iface=eth0", "01:00.8", "01:00", "net_tap0", "01:00.0x"}) {
        EXPECT_FALSE(is_pci_address(device)) << device;
    }
}

TEST(Eal, ReadsCores) {
    const std::pair<const char*, std::vector<unsigned>> good[] = {
        {"0", {0}}, {"3,1", {3, 1}}, {"0,2-4", {0, 2, 3, 4}}, {"5-5", {5}}};
    for (const auto& [text, cores] : good) {
        const auto read = parse_cores(text);
        ASSERT_TRUE(read) << text;
        EXPECT_EQ(*read, cores) << text;
    }
    for (const char* text : {"a", "1,", ",1", "3-1", "1-", "1 2", "0-99999999"}) {
        const auto read = parse_cores(text);
        ASSERT_FALSE(read) << text;
        EXPECT_EQ(read.error().text,
                  fmt::format("dataplane.cores: expected CPU numbers like \"0,2-3\", not \"{}\"", text));
    }
}

struct Row {
    const char* what;
    EalOptions options;
    std::vector<unsigned> allowed;
    bool huge;
    const char* expected;
};

TEST(Eal, BuildsItsCommandLine) {
    const Row rows[] = {
        {"floating workers, ordinary memory",
         {.workers = 1, .memory_mb = 100, .devices = {"net_tap0"}},
         {0, 1},
         false,
         "--lcores 0@(0,1),1@(0,1) --main-lcore 0 --no-telemetry --file-prefix homeward -m 100 --no-huge --no-shconf "
         "--no-pci --iova-mode va"},
        {"pinned workers, huge pages, a real device",
         {.workers = 2, .pin = true, .memory_mb = 100, .devices = {"0000:01:00.0", "net_tap0"}, .extra = {"--syslog"}},
         {4, 5, 6, 7},
         true,
         "--lcores 0@4,1@5,2@6 --main-lcore 0 --no-telemetry --file-prefix homeward -m 100 --in-memory -a "
         "0000:01:00.0 --syslog"},
        {"one CPU short: the main thread shares the first worker's",
         {.workers = 2, .pin = true, .memory_mb = 64},
         {0, 1},
         true,
         "--lcores 0@0,1@0,2@1 --main-lcore 0 --no-telemetry --file-prefix homeward -m 64 --in-memory --no-pci "
         "--iova-mode va"},
        {"more workers than CPUs float",
         {.workers = 3, .pin = true, .memory_mb = 64},
         {0, 1},
         true,
         "--lcores 0@(0,1),1@(0,1),2@(0,1),3@(0,1) --main-lcore 0 --no-telemetry --file-prefix homeward -m 64 "
         "--in-memory --no-pci --iova-mode va"},
        {"cores by configuration",
         {.workers = 1, .cores = "7,3", .memory_mb = 64},
         {0, 1},
         true,
         "--lcores 0@7,1@3 --main-lcore 0 --no-telemetry --file-prefix homeward -m 64 --in-memory --no-pci "
         "--iova-mode va"},
    };
    for (const Row& row : rows) {
        const auto arguments = eal_arguments(row.options, row.allowed, row.huge);
        ASSERT_TRUE(arguments) << row.what;
        EXPECT_EQ(fmt::format("{}", fmt::join(arguments->begin() + 1, arguments->end(), " ")), row.expected)
            << row.what;
    }
    const std::vector<unsigned> allowed{0, 1};
    const auto refused = eal_arguments({.workers = 2, .cores = "0,1"}, allowed, false);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().text, "dataplane.cores: 0,1 names 2 CPUs, 2 workers need 3 (the main thread's first)");
}

TEST(KernelInterface, IsFoundInTheDevicesThatHaveOne) {
    const std::pair<const char*, const char*> rows[] = {
        {"net_af_xdp0,iface=eth0", "eth0"},
        {"net_af_packet3,blocksz=4096,iface=wan,qpairs=2", "wan"},
        {"net_tap0,iface=tap9", ""},
        {"net_af_xdp0", ""},
        {"0000:01:00.0", ""},
    };
    for (const auto& [device, interface] : rows) {
        EXPECT_EQ(kernel_interface(device).value_or(""), interface) << device;
    }
}

}  // namespace
}  // namespace homeward::ports
