#include "ports/eal.h"

#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>

#include <charconv>
#include <filesystem>
#include <fstream>
#include <regex>

#include "complaint.h"

namespace homeward::ports {
namespace {

std::vector<unsigned> allowed_cpus() {
    cpu_set_t set;
    CPU_ZERO(&set);
    std::vector<unsigned> cpus;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
            if (CPU_ISSET(cpu, &set)) {
                cpus.push_back(cpu);
            }
        }
    }
    return cpus;
}

std::uint64_t free_huge_memory() {
    std::uint64_t bytes = 0;
    std::error_code error;
    for (const auto& size : std::filesystem::directory_iterator("/sys/kernel/mm/hugepages", error)) {
        // The folder is named hugepages-<n>kB.
        const std::string name = size.path().filename();
        std::uint64_t kilobytes = 0;
        const std::size_t dash = name.find('-');
        if (dash == std::string::npos) {
            continue;
        }
        std::from_chars(name.data() + dash + 1, name.data() + name.size(), kilobytes);
        std::uint64_t pages = 0;
        std::ifstream(size.path() / "free_hugepages") >> pages;
        bytes += pages * kilobytes * 1024;
    }
    return bytes;
}

Result<bool> choose_huge_pages(const EalOptions& options) {
    if (options.huge_pages == HugePages::never) {
        return false;
    }
    const std::uint64_t wanted = std::uint64_t{options.memory_mb} << 20;
    const std::uint64_t available = free_huge_memory();
    if (available >= wanted) {
        return true;
    }
    if (options.huge_pages == HugePages::always) {
        return Error{
            fmt::format("dataplane.huge_pages: {} MB of free huge pages needed, {} MB there; "
                        "`sysctl vm.nr_hugepages={}` or huge_pages: automatic",
                        options.memory_mb, available >> 20, options.memory_mb / 2 + 1)};
    }
    return false;
}

/// The EAL's --lcores list: lcore n on one CPU, or all lcores over all CPUs.
Result<std::string> lcore_map(const EalOptions& options, std::span<const unsigned> allowed) {
    std::vector<unsigned> cpus(allowed.begin(), allowed.end());
    bool pin = options.pin;
    if (!options.cores.empty()) {
        auto cores = parse_cores(options.cores);
        if (!cores) {
            return cores.error();
        }
        cpus = *cores;
        pin = true;
        if (cpus.size() < options.workers + 1) {
            return Error{fmt::format("dataplane.cores: {} names {} CPUs, {} workers need {} (the main thread's first)",
                                     options.cores, cpus.size(), options.workers, options.workers + 1)};
        }
    }
    std::string map;
    for (unsigned lcore = 0; lcore <= options.workers; ++lcore) {
        map += fmt::format("{}{}@", lcore == 0 ? "" : ",", lcore);
        if (pin && cpus.size() > options.workers) {
            map += fmt::format("{}", cpus[lcore]);
        } else if (pin && cpus.size() == options.workers) {
            // One CPU short: the main thread, which mostly sleeps, shares the first worker's.
            map += fmt::format("{}", cpus[lcore == 0 ? 0 : lcore - 1]);
        } else {
            map += fmt::format("({})", fmt::join(cpus, ","));
        }
    }
    return map;
}

}  // namespace

bool is_pci_address(const std::string& device) {
    static const std::regex pattern("([0-9a-fA-F]{1,8}:)?[0-9a-fA-F]{1,2}:[0-9a-fA-F]{1,2}\\.[0-7](,.*)?");
    return std::regex_match(device, pattern);
}

Result<std::vector<unsigned>> parse_cores(const std::string& text) {
    const Error bad{fmt::format(R"(dataplane.cores: expected CPU numbers like "0,2-3", not "{}")", text)};
    std::vector<unsigned> cores;
    const char* at = text.data();
    const char* const end = at + text.size();
    while (at != end) {
        unsigned first = 0;
        auto read = std::from_chars(at, end, first);
        if (read.ec != std::errc{}) {
            return bad;
        }
        unsigned last = first;
        if (read.ptr != end && *read.ptr == '-') {
            read = std::from_chars(read.ptr + 1, end, last);
            if (read.ec != std::errc{} || last < first || last - first >= CPU_SETSIZE) {
                return bad;
            }
        }
        for (unsigned core = first; core <= last; ++core) {
            cores.push_back(core);
        }
        at = read.ptr;
        if (at != end && (*at++ != ',' || at == end)) {
            return bad;
        }
    }
    return cores;
}

Result<std::vector<std::string>> eal_arguments(const EalOptions& options, std::span<const unsigned> allowed,
                                               bool huge) {
    auto map = lcore_map(options, allowed);
    if (!map) {
        return map.error();
    }
    std::vector<std::string> arguments{
        "homeward-dataplane", "--lcores",      *map,       "--main-lcore", "0",
        "--no-telemetry",     "--file-prefix", "homeward", "-m",           std::to_string(options.memory_mb)};
    if (huge) {
        arguments.emplace_back("--in-memory");
    } else {
        arguments.insert(arguments.end(), {"--no-huge", "--no-shconf"});
    }
    bool pci = false;
    for (const std::string& device : options.devices) {
        if (is_pci_address(device)) {
            arguments.insert(arguments.end(), {"-a", device});
            pci = true;
        }
    }
    if (!pci) {
        // Virtual drivers address memory by pointer, and AF_XDP wants a pool in one piece.
        arguments.insert(arguments.end(), {"--no-pci", "--iova-mode", "va"});
    }
    arguments.insert(arguments.end(), options.extra.begin(), options.extra.end());
    return arguments;
}

Status start_eal(const EalOptions& options, bool& huge_used) {
    auto huge = choose_huge_pages(options);
    if (!huge) {
        return huge.error();
    }
    auto arguments = eal_arguments(options, allowed_cpus(), *huge);
    if (!arguments) {
        return arguments.error();
    }
    huge_used = *huge;
    if (!options.verbose) {
        capture_dpdk_log();
    }
    std::vector<char*> argv;
    for (std::string& argument : *arguments) {
        argv.push_back(argument.data());
    }
    if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
        const std::string complaint = last_complaint();
        return Error{fmt::format("DPDK does not start: {}; --verbose shows more",
                                 complaint.empty() ? rte_strerror(rte_errno) : complaint)};
    }
    if (!options.verbose) {
        silence_bpf_libraries();
    }
    return {};
}

}  // namespace homeward::ports
