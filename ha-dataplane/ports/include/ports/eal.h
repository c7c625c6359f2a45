#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "result/result.h"

namespace homeward::ports {

enum class HugePages : std::uint8_t { automatic, never, always };

struct EalOptions {
    unsigned workers = 1;
    std::string cores;  ///< "0,2-3": the main thread's CPU first, then one per worker; empty: chosen
    bool pin = false;   ///< without `cores`: a CPU of its own for each worker; else they float over all allowed CPUs
    HugePages huge_pages = HugePages::automatic;
    unsigned memory_mb = 0;            ///< memory reserved at start for packets and tables
    std::vector<std::string> devices;  ///< as configured; PCI addresses become the EAL's allow list
    std::vector<std::string> extra;
    bool verbose = false;  ///< let DPDK's own messages through
};

/// True for "[dddd:]bb:dd.f", with or without arguments behind a comma.
bool is_pci_address(const std::string& device);

/// Reads "0,2-3" into CPU numbers, in the order written.
Result<std::vector<unsigned>> parse_cores(const std::string& text);

/// The command line the EAL is started with. Pure: `allowed` are the CPUs this process may use, `huge` is decided.
///
/// The EAL gets logical cores 0 (main) and 1…workers. Nothing of it is shared between processes (no runtime
/// configuration, no hugetlbfs files, no telemetry socket), so several data planes run side by side.
Result<std::vector<std::string>> eal_arguments(const EalOptions& options, std::span<const unsigned> allowed, bool huge);

/// Starts the EAL; afterwards each worker's lcore waits to be launched. May be called once per process. The error
/// ends with the EAL's own words. `huge_used` tells which memory was taken.
Status start_eal(const EalOptions& options, bool& huge_used);

/// The first error DPDK logged since something was begun, to end an error line with; empty when it said nothing.
std::string last_complaint();

}  // namespace homeward::ports
