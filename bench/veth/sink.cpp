#include "sink.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include "namespace.h"
#include "sink.skel.h"

namespace bench {
namespace {

constexpr std::uint32_t kPriority = 50'000;  ///< behind a tunnel end on the same device: tc's own numbers are lower

bpf_tc_opts filter() {
    bpf_tc_opts options{};
    options.sz = sizeof options;
    options.handle = 1;
    options.priority = kPriority;
    return options;
}

[[noreturn]] void fail(const std::string& what, int error) {
    throw std::system_error{error, std::generic_category(), what};
}

}  // namespace

void Sink::Destroy::operator()(sink_bpf* program) const noexcept {
    sink_bpf::destroy(program);
}

Sink::Sink(std::string name_space, const std::string& device)
    : name_space_(std::move(name_space)), program_(sink_bpf::open_and_load()) {
    if (!program_) {
        fail("cannot load the sink", errno);
    }
    enter_namespace(name_space_);
    hook_.sz = sizeof hook_;
    hook_.ifindex = device_index(device);
    hook_.attach_point = BPF_TC_INGRESS;
    if (const int made = bpf_tc_hook_create(&hook_); made != 0 && made != -EEXIST) {
        fail(device, -made);
    }
    bpf_tc_opts options = filter();
    options.prog_fd = bpf_program__fd(program_->progs.count_and_drop);
    options.flags = BPF_TC_F_REPLACE;  // of a run that was killed
    if (const int attached = bpf_tc_attach(&hook_, &options); attached != 0) {
        fail(device, -attached);
    }
}

Sink::~Sink() {
    try {
        enter_namespace(name_space_);
        const bpf_tc_opts options = filter();
        bpf_tc_detach(&hook_, &options);
    } catch (const std::system_error&) {
        return;  // the namespace is gone, and the device with it
    }
}

std::uint64_t Sink::received() const noexcept {
    return __atomic_load_n(&program_->bss->received, __ATOMIC_RELAXED);
}

std::uint64_t Sink::highest() const noexcept {
    return __atomic_load_n(&program_->bss->highest, __ATOMIC_RELAXED);
}

}  // namespace bench
