/// bench-veth-packets: how many small packets a path between two namespaces carries in a second.
///
/// Sends UDP by a packet socket in one namespace and counts what comes out in the other, in the kernel (sink.bpf.c). It
/// offers what the path takes: at most `--window` packets are under way, as with TCP, so that a slow path is measured
/// at its capacity and not while it drops a flood on the CPUs that it shares with the flood. The sender reads the
/// sink's counters from memory; nothing flows back by the path. One line of JSON on standard output: packets_per_s and,
/// warm-up included, sent and lost.
#include <sys/prctl.h>

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>

#include "namespace.h"
#include "sender.h"
#include "sink.h"

namespace bench {
namespace {

using namespace std::chrono_literals;

constexpr auto kWarmUp = 150ms, kStraggle = 50ms;

struct Options {
    Flow flow;
    std::string from, to, to_device;
    double seconds = 1;
    unsigned window = 400;
};

void measure(const Options& options) {
    const Sink sink{options.to, options.to_device};
    enter_namespace(options.from);
    prctl(PR_SET_TIMERSLACK, 1UL);
    Sender sender{options.flow, sink, options.window};
    sender.run_until(Clock::now() + kWarmUp);
    const Clock::time_point begin = Clock::now();
    const std::uint64_t before = sink.received();
    const std::chrono::duration<double> wanted{options.seconds};
    sender.run_until(begin + std::chrono::duration_cast<Clock::duration>(wanted));
    const std::chrono::duration<double> time = Clock::now() - begin;
    const std::uint64_t counted = sink.received() - before;
    std::this_thread::sleep_for(kStraggle);
    std::printf("{\"packets_per_s\": %.0f, \"sent\": %lu, \"lost\": %lu}\n",
                static_cast<double>(counted) / time.count(), sender.sent(), sender.sent() - sink.received());
}

}  // namespace
}  // namespace bench

int main(int count, char** words) {
    bench::Options options;
    CLI::App app{"How many small packets a path between two namespaces carries in a second"};
    app.add_option("--from", options.from, "namespace of the sender")->required();
    app.add_option("--from-device", options.flow.device, "device it sends by")->required();
    app.add_option("--next-hop", options.flow.next_hop, "MAC address of the next hop, where the device has such");
    app.add_option("--to", options.to, "namespace of the receiver")->required();
    app.add_option("--to-device", options.to_device, "device the packets come out of")->required();
    app.add_option("--source", options.flow.source, "address in --from")->required();
    app.add_option("--destination", options.flow.destination, "address in --to")->required();
    app.add_option("--seconds", options.seconds, "how long it counts")->check(CLI::Range(0.01, 3600.0));
    app.add_option("--window", options.window, "packets under way at most")
        ->check(CLI::Range(bench::Sender::kBatch, 1U << 20));
    app.add_option("--size", options.flow.size, "bytes of an IPv4 packet")
        ->check(CLI::Range(36U, bench::kLargestPacket));
    CLI11_PARSE(app, count, words);
    try {
        bench::measure(options);
    } catch (const std::exception& error) {
        std::fprintf(stderr, "bench-veth-packets: %s\n", error.what());
        return 1;
    }
    return 0;
}
