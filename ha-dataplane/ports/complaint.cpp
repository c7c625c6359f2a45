#include "complaint.h"

#include <dlfcn.h>
#include <rte_log.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <mutex>
#include <string>
#include <utility>

#include "ports/eal.h"

namespace homeward::ports {
namespace {

std::mutex guard;
std::string complaint;

/// Keeps the first error: the driver names the cause, then each layer above it says that it failed, too.
ssize_t remember(void*, const char* text, std::size_t size) {
    if (rte_log_cur_msg_loglevel() > static_cast<int>(RTE_LOG_ERR)) {
        return static_cast<ssize_t>(size);
    }
    std::string line(text, size);
    while (!line.empty() && (line.back() == '\n' || line.back() == ' ')) {
        line.pop_back();
    }
    // "rte_pmd_af_xdp_probe(): text": the function is nobody's business.
    if (const std::size_t call = line.find("(): "); call < line.find(' ')) {
        line.erase(0, call + 4);
    }
    const std::lock_guard lock(guard);
    if (complaint.empty()) {
        complaint = std::move(line);
    }
    return static_cast<ssize_t>(size);
}

int say_nothing(int, const char*, std::va_list) {
    return 0;
}

}  // namespace

void capture_dpdk_log() {
    const cookie_io_functions_t functions{nullptr, remember, nullptr, nullptr};
    if (FILE* stream = fopencookie(nullptr, "w", functions); stream != nullptr) {
        setvbuf(stream, nullptr, _IOLBF, 512);
        rte_openlog_stream(stream);
    }
}

void silence_bpf_libraries() {
    // The libraries come with the driver's plugin, if at all: the data plane itself does not link them.
    using Print = int (*)(int, const char*, std::va_list);
    using SetPrint = Print (*)(Print);
    constexpr std::array<std::pair<const char*, const char*>, 2> kSetters{
        {{"libbpf.so.1", "libbpf_set_print"}, {"libxdp.so.1", "libxdp_set_print"}}};
    for (const auto& [library, name] : kSetters) {
        void* loaded = dlopen(library, RTLD_NOW | RTLD_NOLOAD);
        if (loaded == nullptr) {
            continue;
        }
        if (auto* set = reinterpret_cast<SetPrint>(dlsym(loaded, name)); set != nullptr) {
            set(say_nothing);
        }
    }
}

void forget_complaints() {
    const std::lock_guard lock(guard);
    complaint.clear();
}

std::string last_complaint() {
    const std::lock_guard lock(guard);
    return complaint;
}

}  // namespace homeward::ports
