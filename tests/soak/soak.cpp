/// soak: the test of churn (tests/packets/churn_test.cpp) for minutes, with more nodes, a line of progress now and
/// then and a table at the end. Ends with 1 when a packet was lost or torn, a count does not add up, or memory grows.
#include <fmt/format.h>
#include <malloc.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <vector>

#include "churn.h"
#include "fleet.h"
#include "machine.h"
#include "traffic.h"

namespace {

using homeward::stats::Event;
using Clock = std::chrono::steady_clock;

constexpr rig::Churn::Pace kPace{.changes = 256, .swaps = 32, .replay_every = 128};
constexpr unsigned kSamples = 60;          ///< of memory, over the whole time
constexpr double kGrowth = 1.02;           ///< of memory, from the second quarter of the time to the last
constexpr std::uint64_t kSlack = 2 << 20;  ///< bytes beside that: allocators are not exact

std::atomic<bool> interrupted{false};

/// Bytes.
struct Memory {
    std::uint64_t heap = 0;      ///< allocated and not freed
    std::uint64_t resident = 0;  ///< of the process
    std::uint64_t tables = 0;    ///< as the tables count themselves

    static Memory now(const rig::Machine& machine) {
        const struct mallinfo2 info = mallinfo2();
        std::uint64_t pages = 0;
        std::ifstream{"/proc/self/statm"} >> pages >> pages;
        return {info.uordblks + info.hblkhd, pages * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE)),
                machine.tables().memory_bytes()};
    }
};

/// Whether the largest of the last quarter is about that of the second.
bool flat(const std::vector<Memory>& samples, std::uint64_t Memory::*kind) {
    const std::size_t quarter = samples.size() / 4;
    const auto largest = [&](std::size_t first) {
        return std::max_element(samples.begin() + static_cast<std::ptrdiff_t>(first),
                                samples.begin() + static_cast<std::ptrdiff_t>(first + quarter),
                                [&](const Memory& a, const Memory& b) { return a.*kind < b.*kind; });
    };
    const auto before = static_cast<double>((*largest(quarter)).*kind);
    const auto after = static_cast<double>((*largest(samples.size() - quarter)).*kind);
    return after <= before * kGrowth + kSlack;
}

class Soak {
  public:
    Soak(const rig::Shape& shape, std::uint32_t nodes, unsigned seconds)
        : seconds_(seconds),
          machine_(shape),
          fleet_(nodes),
          churn_(machine_, fleet_, kPace),
          traffic_(machine_, fleet_, {}) {
        fmt::print("soak: {} nodes, {} workers ({}), {} s\n", nodes, rig::Machine::kWorkers, shape.name, seconds);
    }

    void run() {
        machine_.launch();
        traffic_.open();
        const auto began = Clock::now();
        const auto period = std::chrono::duration<double>{static_cast<double>(seconds_) / kSamples};
        while (samples_.size() < kSamples && !interrupted) {
            churn_.batch();
            if (Clock::now() - began >= period * static_cast<double>(samples_.size() + 1)) {
                samples_.push_back(Memory::now(machine_));
                report(std::chrono::duration<double>{Clock::now() - began}.count());
            }
        }
        traffic_.close();
        machine_.flush();
        machine_.stop();
    }

    /// Prints the table; how many things were wrong.
    unsigned judge();

  private:
    void report(double elapsed) const {
        const auto account = traffic_.account();
        const auto& done = churn_.done();
        fmt::print(
            "{:6.0f} s  {:7.2f} M frames  {:6.2f} M installs  {:6.2f} M removals  {:7} swaps  {} wrong  heap {:.1f} MB "
            " "
            "resident {:.1f} MB\n",
            elapsed, static_cast<double>(account.sent) / 1e6, static_cast<double>(done.installs) / 1e6,
            static_cast<double>(done.removals) / 1e6, done.swaps, account.wrong,
            static_cast<double>(samples_.back().heap) / 1e6, static_cast<double>(samples_.back().resident) / 1e6);
        std::fflush(stdout);
    }
    void row(const char* name, std::uint64_t value) const { fmt::print("  {:34} {:>14}\n", name, value); }
    void require(bool holds, const std::string& what) {
        if (!holds) {
            fmt::print("WRONG: {}\n", what);
            ++faults_;
        }
    }
    void print_packets(const rig::Traffic::Account& account) const;
    void print_changes() const;

    unsigned seconds_;
    rig::Machine machine_;
    rig::Fleet fleet_;
    rig::Churn churn_;
    rig::Traffic traffic_;
    std::vector<Memory> samples_;
    unsigned faults_ = 0;
};

void Soak::print_packets(const rig::Traffic::Account& account) const {
    fmt::print("frames\n");
    row("sent", account.sent);
    row("left by a tunnel", account.to_nodes);
    row("left towards correspondents", account.to_peers);
    row("to the kernel", machine_.count(Event::to_kernel_packets));
    row("fragments joined to others",
        machine_.count(Event::fragments_reassembled) - machine_.count(Event::datagrams_reassembled));
    row("dropped by name", machine_.dropped());
    for (const auto& [name, count] : machine_.drops()) {
        row(("  " + name).c_str(), count);
    }
    row("unaccounted for", static_cast<std::uint64_t>(std::abs(traffic_.unaccounted())));
    row("wrong", account.wrong + account.strange);
    fmt::print("packets of faithful nodes\n");
    row("sent", account.faithful_sent);
    row("came", account.faithful_came);
    fmt::print("passed on between workers\n");
    for (const auto& worker : machine_.workers()) {
        row(fmt::format("worker {}", worker->number()).c_str(), worker->loop().passed_on);
    }
}

void Soak::print_changes() const {
    const auto& done = churn_.done();
    fmt::print("changes\n");
    row("bindings installed", done.installs);
    row("bindings removed", done.removals);
    row("policies swapped", done.swaps);
    row("full replays", done.replays);
    row("settings, networks, routes, …", done.others);
}

unsigned Soak::judge() {
    const auto account = traffic_.account();
    print_packets(account);
    print_changes();
    require(traffic_.unaccounted() == 0, fmt::format("{} frames are unaccounted for", traffic_.unaccounted()));
    require(account.wrong + account.strange == 0, traffic_.complaint());
    require(account.faithful_came == account.faithful_sent, "packets of nodes that always had an uplink were lost");
    require(samples_.size() < 8 || flat(samples_, &Memory::heap), "the heap grows");
    require(samples_.size() < 8 || flat(samples_, &Memory::resident), "the process grows");
    require(samples_.size() < 8 || flat(samples_, &Memory::tables), "the tables grow");
    const unsigned leaked = machine_.take_down();
    require(leaked == 0, fmt::format("{} buffers that nobody gave back", leaked));
    return faults_;
}

int run(int argc, char** argv) {
    unsigned seconds = 600;
    std::uint32_t nodes = 16384;
    CLI::App app{"Two workers under churn, for a long time."};
    app.add_option("--seconds", seconds)->check(CLI::Range(1, 1'000'000))->capture_default_str();
    app.add_option("--nodes", nodes)->check(CLI::Range(16, 1 << 19))->capture_default_str();
    CLI11_PARSE(app, argc, argv);
    if (const std::string need = rig::Machine::unmet_need(); !need.empty()) {
        fmt::print(stderr, "soak: {}\n", need);
        return 1;
    }
    std::signal(SIGINT, [](int) { interrupted = true; });
    Soak soak{{.name = "a queue each on the access side, one for both on the home side",
               .access_queues = 2,
               .home_queues = 1},
              nodes / 2 * 2,
              seconds};
    soak.run();
    const unsigned faults = soak.judge();
    fmt::print("{}\n", faults == 0 ? "nothing lost, torn or leaked" : "failed");
    return faults == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::exception& error) {
        fmt::print(stderr, "soak: {}\n", error.what());
        return 1;
    }
}
