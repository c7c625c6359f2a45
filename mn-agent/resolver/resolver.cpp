#include "resolver/resolver.h"

#include <spawn.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstring>
#include <fstream>
#include <thread>

#include "resolver/resolv_conf.h"

namespace homeward::resolver {
namespace {

constexpr std::chrono::seconds kPatience{5};

/// The exit status of a program on PATH; errno, negative, when it cannot be run; -ETIMEDOUT.
int run(std::vector<std::string> words) {
    std::vector<char*> arguments;
    arguments.reserve(words.size() + 1);
    for (std::string& word : words) {
        arguments.push_back(word.data());
    }
    arguments.push_back(nullptr);
    pid_t child = 0;
    if (const int error = ::posix_spawnp(&child, arguments[0], nullptr, nullptr, arguments.data(), environ);
        error != 0) {
        return -error;
    }
    const auto deadline = std::chrono::steady_clock::now() + kPatience;
    int status = 0;
    while (::waitpid(child, &status, WNOHANG) == 0) {
        if (std::chrono::steady_clock::now() > deadline) {
            ::kill(child, SIGKILL);
            ::waitpid(child, &status, 0);
            return -ETIMEDOUT;
        }
        std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -EINTR;
}

}  // namespace

/// Its own files name its stub (or are links into its directory), and nobody else's do.
bool Resolver::resolved_answers() const {
    std::ifstream in(file_);
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with("nameserver 127.0.0.53") || line.starts_with("nameserver 127.0.0.54")) {
            return true;
        }
    }
    std::error_code error;
    return std::filesystem::canonical(file_, error).string().starts_with("/run/systemd/resolve/");
}

Status Resolver::tell_resolved(const std::vector<wire::Ipv4Address>& servers) const {
    std::vector<std::string> dns{"resolvectl", "dns", interface_};
    for (const wire::Ipv4Address server : servers) {
        dns.push_back(server.to_string());
    }
    for (const std::vector<std::string>& words :
         {dns, {"resolvectl", "domain", interface_, "~."}, {"resolvectl", "default-route", interface_, "yes"}}) {
        if (const int status = run(words); status != 0) {
            return Error{"routing.dns: " + words[0] + ' ' + words[1] + ' ' + words[2] +
                         " failed: " + (status < 0 ? std::strerror(-status) : "exit status " + std::to_string(status))};
        }
    }
    return {};
}

Status Resolver::use(const std::vector<wire::Ipv4Address>& servers) const {
    return resolved_answers() ? tell_resolved(servers) : ResolvConf{file_}.use(servers);
}

bool Resolver::restore() const {
    return ResolvConf{file_}.restore();
}

}  // namespace homeward::resolver
