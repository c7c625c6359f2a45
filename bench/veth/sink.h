#pragma once

#include <bpf/libbpf.h>

#include <cstdint>
#include <memory>
#include <string>

struct sink_bpf;

namespace bench {

/// sink.bpf.c on the way in of one device, for as long as this lives.
class Sink {
  public:
    /// Leaves the thread in `name_space`. Throws std::system_error.
    Sink(std::string name_space, const std::string& device);
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;
    ~Sink();

    /// How many packets arrived, and the highest number among them. Read from memory that the kernel writes.
    std::uint64_t received() const noexcept;
    std::uint64_t highest() const noexcept;

  private:
    struct Destroy {
        void operator()(sink_bpf* program) const noexcept;
    };

    std::string name_space_;
    std::unique_ptr<sink_bpf, Destroy> program_;
    bpf_tc_hook hook_{};
};

}  // namespace bench
