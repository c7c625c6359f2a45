#pragma once

#include <optional>
#include <string>
#include <vector>

#include "frame.h"
#include "mip/extension.h"
#include "mip/malformed.h"

/// Readers of the extensions that requests and replies share. Each stores what it read, or says why it cannot.
namespace homeward::mip {

std::optional<Malformed> read_nai(const RawExtension& extension, std::optional<std::string>& out);
std::optional<Malformed> read_revocation(const RawExtension& extension, std::optional<RevocationSupport>& out);
std::optional<Malformed> read_vendor(const RawExtension& extension, std::vector<VendorExtension>& out);

}  // namespace homeward::mip
