#pragma once

#include "mip/request.h"
#include "registration/binding.h"

namespace homeward::registration {

/// The bindings that an acceptable request leaves (RFC 5944 §3.8.2, RFC 7629 §5.2), with `granted_s` as lifetime.
///
/// Without Multipath: lifetime 0 with the home address as care-of address ends all bindings, with another one those
/// registered for it; anything else becomes the only binding (simultaneous ones would have packets duplicated, which
/// the data plane does not do). With Multipath the binding id is the key: lifetime 0 ends that binding, B acts on
/// all, O leaves no other; a plain binding ends when multipath begins.
std::vector<Binding> next_bindings(const std::vector<Binding>& current, const mip::RegistrationRequest& request,
                                   Endpoint source, wire::Ipv4Address home_address, std::uint16_t granted_s, Now now);

/// True when the data plane need not be told of the difference.
bool forward_alike(const std::vector<Binding>& a, const std::vector<Binding>& b) noexcept;

}  // namespace homeward::registration
