/// bench-ha: what a packet costs the home agent's worker, in TSC cycles, beside a plain forwarder and a router on the
/// same devices. One line of JSON per measurement on standard output; bench/ha/run.py makes tables and plots of them.
#include <fmt/format.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <stdexcept>

#include "contestant.h"
#include "generator.h"
#include "install.h"
#include "ports/eal.h"
#include "ports/port.h"
#include "updates.h"

namespace bench {
namespace {

struct Options {
    std::vector<std::uint32_t> nodes{1000};
    std::vector<std::uint32_t> rules{10};
    std::uint32_t policies = 1;
    std::vector<std::string> directions{"uplink", "downlink"};
    std::vector<std::string> mixes{"small"};
    std::vector<std::string> contestants{"homeward", "l3fwd", "io"};
    std::vector<double> loads;  ///< shares of the throughput just measured, for loss and latency
    unsigned runs = 9, rounds = 48, buffers = 2048;
    bool software_checksums = false;
    bool ordinary_memory = false;
    double updates = 0;  ///< per second, meanwhile
    bool install = false;
};

rte_mempool* make_pool(unsigned buffers) {
    constexpr unsigned kCache = 256;
    rte_mempool* pool = rte_pktmbuf_pool_create("frames", 2 * buffers + 8192, kCache, 0, RTE_MBUF_DEFAULT_BUF_SIZE, 0);
    if (pool == nullptr) {
        throw std::runtime_error{fmt::format("no memory for {} buffers: {}", buffers, rte_strerror(rte_errno))};
    }
    return pool;
}

template <class T>
T or_throw(Result<T> made) {
    if (!made) {
        throw std::runtime_error{made.error().text};
    }
    return std::move(*made);
}

void start_eal(bool ordinary_memory) {
    // The twins are in a network of their own, which ends with this process.
    if (unshare(CLONE_NEWNET) != 0) {
        throw std::runtime_error{"cannot make a network namespace: run as root"};
    }
    ports::EalOptions options;
    options.workers = 1;
    options.pin = true;
    options.memory_mb = 256;
    options.huge_pages = ordinary_memory ? ports::HugePages::never : ports::HugePages::automatic;
    options.devices = {"net_null0", "net_null1"};
    bool huge = false;
    if (const Status started = ports::start_eal(options, huge); !started) {
        throw std::runtime_error{started.error().text};
    }
}

/// The bench: ports, generator, exception path. Lives as long as the process.
class Bench {
  public:
    explicit Bench(const Options& options) : options_(options), pool_(make_pool(options.buffers)) {
        std::vector<exception::Twin> twins;
        for (const std::uint16_t id : {kAccess, kHome}) {
            ports_.push_back(
                or_throw(ports::Port::attach({id == kAccess ? "access" : "home", fmt::format("net_null{}", id)})));
            if (const Status started = ports_.back().start(1, pool_); !started) {
                throw std::runtime_error{started.error().text};
            }
            twins.push_back(or_throw(exception::Twin::attach(fmt::format("bench{}", id), ports_.back().mac(), 1500)));
        }
        generator_ = std::make_unique<Generator>(pool_, options.buffers);
        exception_ = or_throw(exception::ExceptionPath::create(std::move(twins), {}, pool_));
        exception_->start();
    }

    void measure(std::uint32_t nodes, std::uint32_t rules);

  private:
    Generator::Result play(const std::string& name, const Generator::Load& load, unsigned rounds);
    std::unique_ptr<Updates> update_meanwhile();
    void throughput(const std::string& direction, const std::string& mix);
    void latency(const Generator::Load& load, double rate, double share);
    void print(const std::string& measurement, const std::string& fields) const;

    const Options& options_;
    rte_mempool* pool_;
    std::vector<ports::Port> ports_;
    std::unique_ptr<Generator> generator_;
    std::unique_ptr<exception::ExceptionPath> exception_;
    std::unique_ptr<tables::Tables> tables_;
    std::unique_ptr<Population> population_;
    std::unique_ptr<Frames> frames_;
    std::string scenario_;
    std::function<void()> meanwhile_;  ///< on the main thread, while a contestant runs
};

int run_contestant(void* contestant) {
    static_cast<Contestant*>(contestant)->run();
    return 0;
}

/// One contestant, `rounds` rounds, on the worker's core.
Generator::Result Bench::play(const std::string& name, const Generator::Load& load, unsigned rounds) {
    std::unique_ptr<Contestant> contestant;
    if (name == "homeward") {
        contestant = std::make_unique<HomeAgent>(*tables_, *exception_, pool_);
    } else if (name == "l3fwd") {
        contestant = std::make_unique<L3Forward>();
    } else {
        contestant = std::make_unique<IoForward>();
    }
    std::atomic<bool> over{false};
    generator_->arm(load, *frames_, rounds, [&] {
        contestant->stop();
        over.store(true, std::memory_order_release);
    });
    rte_eal_remote_launch(run_contestant, contestant.get(), 1);
    while (meanwhile_ && !over.load(std::memory_order_acquire)) {
        meanwhile_();
    }
    rte_eal_wait_lcore(1);
    if (const auto* home_agent = dynamic_cast<HomeAgent*>(contestant.get());
        home_agent != nullptr && !home_agent->drops().empty()) {
        throw std::runtime_error{"the pipeline dropped packets: " + home_agent->drops()};
    }
    return generator_->result();
}

void Bench::print(const std::string& measurement, const std::string& fields) const {
    fmt::print(R"({{"measurement":"{}",{},{}}})"
               "\n",
               measurement, scenario_, fields);
    std::fflush(stdout);
}

/// Handovers while contestants run, if they are wanted, until `meanwhile_` is taken back; null if not.
std::unique_ptr<Updates> Bench::update_meanwhile() {
    if (options_.updates == 0) {
        return nullptr;
    }
    auto updates = std::make_unique<Updates>(*tables_, *population_, options_.updates);
    meanwhile_ = [&of = *updates] { of.some(); };
    return updates;
}

void Bench::throughput(const std::string& direction, const std::string& mix) {
    Generator::Load load;
    load.direction = direction == "uplink"     ? Direction::uplink
                     : direction == "downlink" ? Direction::downlink
                                               : Direction::both;
    load.offloads = !options_.software_checksums;
    frames_ = std::make_unique<Frames>(*population_, mix == "imix" ? Mix::imix : Mix::small, 1);
    scenario_ = fmt::format(R"("nodes":{},"rules":{},"policies":{},"direction":"{}","packets":"{}","checksums":"{}")",
                            population_->nodes(), population_->rules(), population_->policies(), direction, mix,
                            load.offloads ? "device" : "software");
    std::vector<double> ours;
    const auto updates = update_meanwhile();
    for (unsigned run = 0; run <= options_.runs; ++run) {  // the first one warms up
        for (const std::string& name : options_.contestants) {
            const auto result = play(name, load, options_.rounds);
            if (run == 0 || result.rounds == 0) {
                continue;
            }
            print("throughput",
                  fmt::format(R"("contestant":"{}","cycles":{:.2f},"rounds":{},"set_aside":{},"hz":{})", name,
                              result.cycles_per_packet(), result.rounds, result.set_aside, rte_get_tsc_hz()));
            if (name == "homeward") {
                ours.push_back(result.cycles_per_packet());
            }
        }
    }
    meanwhile_ = nullptr;
    if (!ours.empty()) {
        std::nth_element(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(ours.size() / 2), ours.end());
        for (const double share : options_.loads) {
            latency(load, share * static_cast<double>(rte_get_tsc_hz()) / ours[ours.size() / 2], share);
        }
    }
}

void Bench::latency(const Generator::Load& load, double rate, double share) {
    Generator::Load paced = load;
    paced.packets_per_s = rate;
    for (unsigned run = 0; run < options_.runs; ++run) {
        const auto updates = update_meanwhile();
        const auto result = play("homeward", paced, options_.rounds);
        meanwhile_ = nullptr;
        const double us = 1e6 / static_cast<double>(rte_get_tsc_hz());
        print("latency",
              fmt::format(R"("load":{},"ring":{},"p50_us":{:.3f},"p99_us":{:.3f},"p999_us":{:.3f},"lost":{},"sent":{},)"
                          R"("rounds":{},"set_aside":{},"updates_per_s":{:.0f})",
                          share, paced.ring, result.latency.quantile(0.5) * us, result.latency.quantile(0.99) * us,
                          result.latency.quantile(0.999) * us, result.lost, result.packets, result.rounds,
                          result.set_aside, updates ? updates->per_second() : 0.0));
    }
}

void Bench::measure(std::uint32_t nodes, std::uint32_t rules) {
    tables_ = std::make_unique<tables::Tables>(1);
    population_ = std::make_unique<Population>(nodes, rules, options_.policies);
    populate(*tables_, *population_, !options_.software_checksums);
    for (const std::string& mix : options_.mixes) {
        for (const std::string& direction : options_.directions) {
            throughput(direction, mix);
        }
    }
}

void measure_installation(const Options& options, std::uint32_t nodes) {
    const Population population{nodes, options.rules.front()};
    for (unsigned run = 0; run < options.runs; ++run) {
        const Installation done = install(population);
        fmt::print(R"({{"measurement":"install","nodes":{},"seconds":{:.4f},"bytes_per_binding":{:.1f}}})"
                   "\n",
                   nodes, done.seconds, done.bytes_per_binding);
        std::fflush(stdout);
    }
}

void run(const Options& options) {
    start_eal(options.ordinary_memory);
    if (options.install) {
        for (const std::uint32_t nodes : options.nodes) {
            measure_installation(options, nodes);
        }
        return;
    }
    Bench bench{options};
    for (const std::uint32_t nodes : options.nodes) {
        for (const std::uint32_t rules : options.rules) {
            bench.measure(nodes, rules);
        }
    }
}

}  // namespace
}  // namespace bench

int main(int argc, char** argv) {
    bench::Options options;
    CLI::App app{"What a packet costs the home agent's worker"};
    app.add_option("--nodes", options.nodes, "bound home addresses")->delimiter(',');
    app.add_option("--rules", options.rules, "rules in the nodes' policy")->delimiter(',');
    app.add_option("--policies", options.policies, "of as many rules each; each node in turn has another one")
        ->check(CLI::Range(1U, 1000U));
    app.add_option("--directions", options.directions, "uplink, downlink, both")->delimiter(',');
    app.add_option("--packets", options.mixes, "small (64 bytes), imix")->delimiter(',');
    app.add_option("--contestants", options.contestants, "homeward, l3fwd, io")->delimiter(',');
    app.add_option("--loads", options.loads, "shares of the throughput, for loss and latency")->delimiter(',');
    app.add_option("--runs", options.runs, "runs of each");
    app.add_option("--rounds", options.rounds, "passes over all buffers in a run");
    app.add_option("--buffers", options.buffers, "buffers per port");
    app.add_flag("--software-checksums", options.software_checksums, "devices that offload nothing");
    app.add_flag("--ordinary-memory", options.ordinary_memory, "no huge pages, though some are free (for valgrind)");
    app.add_option("--updates", options.updates, "meanwhile: nodes that move to another uplink, per second");
    app.add_flag("--install", options.install,
                 "only: how long a fresh data plane takes to learn all nodes from control");
    CLI11_PARSE(app, argc, argv);
    try {
        bench::run(options);
    } catch (const std::exception& error) {
        fmt::print(stderr, "bench-ha: {}\n", error.what());
        return 1;
    }
    return 0;
}
