#pragma once

#include <optional>
#include <string>

#include "result/result.h"

namespace homeward::ports {

/// The kernel's interface under an AF_XDP or AF_PACKET device ("net_af_packet0,iface=eth0"), else nullopt.
std::optional<std::string> kernel_interface(const std::string& device);
/// True for an AF_PACKET device, which needs quiet_interface.
bool is_af_packet(const std::string& device);

/// Makes the kernel drop what arrives on `interface`, behind the packet socket that copies it: else the kernel would
/// answer and forward every packet a second time. A filter at the clsact hook (tc), of our own priority and handle,
/// so that another's filters stay; one that a killed run left behind is replaced.
Status quiet_interface(const std::string& interface);
/// Takes the filter off again. Never fails: the interface may be gone.
void unquiet_interface(const std::string& interface) noexcept;

}  // namespace homeward::ports
