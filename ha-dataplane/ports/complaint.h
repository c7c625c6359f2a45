#pragma once

namespace homeward::ports {

/// Sends DPDK's log to the memory behind last_complaint() instead of standard error, and silences libbpf and libxdp,
/// which the AF_XDP driver uses and which print by themselves.
void capture_dpdk_log();
void silence_bpf_libraries();
void forget_complaints();

}  // namespace homeward::ports
