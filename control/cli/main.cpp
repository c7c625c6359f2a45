#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <iostream>

#include "command.h"

namespace {

std::string environment(const char* name) {
    const char* value = std::getenv(name);
    return value == nullptr ? "" : value;
}

bool wants_colour() {
    return environment("NO_COLOR").empty() && environment("TERM") != "dumb" && ::isatty(STDOUT_FILENO) == 1;
}

double now_unix() {
    return std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return homeward::cli::run({argv + 1, argv + argc},
                                  {.out = std::cout,
                                   .err = std::cerr,
                                   .colour = wants_colour(),
                                   .socket = environment("HOMEWARD_SOCKET"),
                                   .usual = {"/run/homeward/control.sock", "/run/homeward/mn.sock"},
                                   .now_unix = now_unix});
    } catch (const std::exception& error) {
        std::cerr << "homeward: " << error.what() << '\n';
        return homeward::cli::kFailure;
    }
}
