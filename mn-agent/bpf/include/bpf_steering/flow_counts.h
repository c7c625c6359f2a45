#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "bpf_steering/traffic_hook.h"
#include "homeward/flows.h"
#include "result/result.h"

struct flow_counts_bpf;

namespace homeward::bpf {

/// What flows carry through `homeward0`, both ways and by whichever path, counted in the kernel for as long as this
/// lives (ebpf/include/homeward/flows.h). Belongs to the agent's loop.
class FlowCounts {
  public:
    /// For the device of that index, which is up. The error says why flows cannot be counted, in one line.
    static Result<std::unique_ptr<FlowCounts>> attach(int interface);
    ~FlowCounts();
    FlowCounts(const FlowCounts&) = delete;
    FlowCounts& operator=(const FlowCounts&) = delete;

    using See = std::function<void(const homeward_flow_key&, const homeward_flow_bytes&)>;
    /// Calls `see` with every flow and its sums over the CPUs. A flow that went and came counts from zero again.
    Status read(const See& see);
    /// Its counters are needed no more.
    void forget(const homeward_flow_key& flow);

    /// False: somebody took a program off the device.
    bool attached() const { return egress_.present() && ingress_.present(); }

    /// For BPF_PROG_TEST_RUN.
    int up_fd() const;
    int down_fd() const;

  private:
    explicit FlowCounts(flow_counts_bpf* skeleton);
    homeward_flow_bytes sum_at(std::size_t flow) const;

    flow_counts_bpf* skeleton_;
    TrafficHook egress_, ingress_;
    std::size_t cpus_;
    std::vector<homeward_flow_key> keys_;
    std::vector<homeward_flow_bytes> values_;  ///< of each flow, one for each CPU
};

}  // namespace homeward::bpf
