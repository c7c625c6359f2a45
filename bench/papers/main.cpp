#include <unistd.h>

#include <CLI/CLI.hpp>
#include <fstream>
#include <iostream>
#include <utility>

#include "papers.h"

namespace homeward::papers {

Progress::Progress(std::string name, int steps)
    : name_(std::move(name)), steps_(steps), terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() {
    if (terminal_) {
        std::cerr << "\r\033[K";
    }
}

void Progress::step() {
    ++done_;
    if (terminal_ && (done_ * 100 / steps_ != (done_ - 1) * 100 / steps_)) {
        draw();
    }
}

void Progress::draw() const {
    constexpr int kWidth = 40;
    const int full = done_ * kWidth / steps_;
    std::cerr << '\r' << name_ << " [" << std::string(static_cast<std::size_t>(full), '#')
              << std::string(static_cast<std::size_t>(kWidth - full), '.') << "] " << done_ * 100 / steps_ << " %"
              << std::flush;
}

}  // namespace homeward::papers

int main(int argc, char** argv) {
    using namespace homeward::papers;
    CLI::App app{"Repeats the evaluations of the selection papers and writes every number as JSON"};
    int seeds = 60;
    int events = 200;
    std::string paper = "all";
    std::string out = "-";
    app.add_option("--seeds", seeds, "paired repetitions, 30 or more for the report")->check(CLI::Range(2, 10'000));
    app.add_option("--events", events, "arrivals and departures in a long run of 003")->check(CLI::Range(1, 100'000));
    app.add_option("--paper", paper, "000, 001, 002, 003, decisions (of the agent) or all")
        ->check(CLI::IsMember({"000", "001", "002", "003", "decisions", "all"}));
    app.add_option("--out", out, "file; - is standard output");
    CLI11_PARSE(app, argc, argv);
    nlohmann::json result{{"seeds", seeds}};
    const std::pair<const char*, nlohmann::json (*)(int)> kPapers[] = {
        {"000", multihoming_paper}, {"001", closed_loop_paper}, {"002", mobility_paper}};
    for (const auto& [name, repeat] : kPapers) {
        if (paper == "all" || paper == name) {
            result[name] = repeat(seeds);
        }
    }
    if (paper == "all" || paper == "003") {
        result["003"] = assignment_paper(seeds, events);
    }
    if (paper == "all") {
        result["decisions"] = decision_times(2000);
    }
    if (paper == "all" || paper == "decisions") {
        result["agent_decisions"] = agent_decision_times(2000);
    }
    if (out == "-") {
        std::cout << result.dump() << '\n';
        return 0;
    }
    std::ofstream file{out};
    file << result.dump() << '\n';
    if (!file.flush()) {
        std::cerr << "bench-papers: cannot write " << out << '\n';
        return 1;
    }
    return 0;
}
