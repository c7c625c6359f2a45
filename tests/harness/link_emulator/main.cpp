/// link-emulator: a link with a rate, a delay and faults between two Ethernet interfaces of this network namespace. The
/// interfaces are ends of cables (veth) and have no addresses; whoever is at the far ends sees one long, bad cable. Far
/// ends must not leave segmentation and checksums to the device: what crosses here are real frames.
///
///     link-emulator FIRST SECOND [--seed N] [--conditions JSON]
///
/// Standard input takes one JSON object a line, standard output answers each with one. What holds for both directions
/// is `both`; `forward` is FIRST → SECOND, `backward` the other. The keys are those of conditions.h.
///
///     {"both": {"delay_ms": 10, "rate_mbps": 20, "queue_ms": 150}, "backward": {"loss": 0.01}}
///     {"play": {"file": "links.csv", "interface": "wlan0"}}      a trace; null ends it
///     {"report": true}
///
/// The answer: `at`, when it was done, in seconds of CLOCK_MONOTONIC, and `forward`, `backward` of a report; or
/// `error`, and then nothing was changed. It ends when its standard input does.

#include <poll.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "cable.h"
#include "playback.h"

namespace {

using namespace harness::link;
using nlohmann::json;

class Emulator {
  public:
    Emulator(const std::string& first, const std::string& second, std::uint64_t seed) : cable_(first, second, seed) {}

    /// One line of standard input → one of standard output.
    std::string obey(const std::string& line) {
        try {
            json answer = carry_out(json::parse(line));
            answer["at"] = std::chrono::duration<double>(now()).count();
            return answer.dump();
        } catch (const json::exception& error) {
            return json{{"error", error.what()}}.dump();
        } catch (const BadConditions& error) {
            return json{{"error", error.what()}}.dump();
        }
    }

    /// Until standard input ends.
    void run() {
        std::array<pollfd, 3> files{
            {{cable_.ports()[0].file(), POLLIN, 0}, {cable_.ports()[1].file(), POLLIN, 0}, {STDIN_FILENO, POLLIN, 0}}};
        bool told = true;
        while (told) {
            cable_.forward().take();
            cable_.backward().take();
            play();
            if ((files[2].revents & (POLLIN | POLLHUP)) != 0) {
                told = listen();
            }
            wait(files, std::min({cable_.forward().deliver(), cable_.backward().deliver(), playback_.next()}));
        }
    }

  private:
    json carry_out(const json& order) {
        if (!order.is_object()) {
            throw BadConditions{"expected an object, got " + order.dump()};
        }
        Conditions forward = cable_.forward().way().conditions(), backward = cable_.backward().way().conditions();
        std::optional<Playback> playback;
        json answer = json::object();
        for (const auto& [key, value] : order.items()) {
            if (key == "both") {
                forward = changed(forward, value, "both");
                backward = changed(backward, value, "both");
            } else if (key == "forward") {
                forward = changed(forward, value, "forward");
            } else if (key == "backward") {
                backward = changed(backward, value, "backward");
            } else if (key == "play") {
                playback = value.is_null() ? Playback{} : playback_of(value);
            } else if (key == "report") {
                answer = {{"forward", cable_.forward().report()}, {"backward", cable_.backward().report()}};
            } else {
                throw BadConditions{key + ": unknown key"};
            }
        }
        cable_.forward().way().set(forward);
        cable_.backward().way().set(backward);
        playback_ = playback.value_or(playback_);
        return answer;
    }

    static Playback playback_of(const json& order) {
        if (!order.is_object() || order.size() != 2 || !order.contains("file") || !order.contains("interface")) {
            throw BadConditions{"play: expected file and interface, got " + order.dump()};
        }
        return Playback{order["file"].get<std::string>(), order["interface"].get<std::string>(), now()};
    }

    void play() {
        for (; playback_.next() <= now(); playback_.advance()) {
            for (Lane* lane : {&cable_.forward(), &cable_.backward()}) {
                lane->way().set(playback_.apply(lane->way().conditions()));
            }
        }
    }

    /// False at the end of standard input.
    bool listen() {
        std::array<char, 4096> text{};
        const ssize_t length = read(STDIN_FILENO, text.data(), text.size());
        if (length <= 0) {
            return false;
        }
        unread_.append(text.data(), static_cast<std::size_t>(length));
        for (std::size_t end = unread_.find('\n'); end != std::string::npos; end = unread_.find('\n')) {
            std::cout << obey(unread_.substr(0, end)) << std::endl;
            unread_.erase(0, end + 1);
        }
        return true;
    }

    static void wait(std::array<pollfd, 3>& files, nanoseconds until) {
        if (until == nanoseconds::max()) {
            poll(files.data(), files.size(), -1);
            return;
        }
        const nanoseconds rest = std::max(nanoseconds{0}, until - now());
        const timespec limit{rest.count() / 1'000'000'000, rest.count() % 1'000'000'000};
        ppoll(files.data(), files.size(), &limit, nullptr);
    }

    Cable cable_;
    Playback playback_;
    std::string unread_;
};

/// Before everybody else on a busy machine; it needs little. Without the right to that, timing is what it is.
void hurry() {
    const sched_param priority{.sched_priority = 20};
    sched_setscheduler(0, SCHED_FIFO | SCHED_RESET_ON_FORK, &priority);
    prctl(PR_SET_TIMERSLACK, 1UL);
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app{"link-emulator"};
    std::string first, second, conditions;
    std::uint64_t seed = 1;
    app.add_option("first", first)->required();
    app.add_option("second", second)->required();
    app.add_option("--seed", seed);
    app.add_option("--conditions", conditions, "the first line of input");
    CLI11_PARSE(app, argc, argv);
    try {
        Emulator emulator{first, second, seed};
        std::cout << emulator.obey(conditions.empty() ? "{}" : conditions) << std::endl;
        hurry();
        emulator.run();
    } catch (const std::exception& error) {
        std::cerr << "link-emulator: " << error.what() << "\n";
        return 1;
    }
    return 0;
}
