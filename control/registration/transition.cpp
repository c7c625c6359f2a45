#include "transition.h"

#include <algorithm>

namespace homeward::registration {
namespace {

using Bindings = std::vector<Binding>;

void insert_sorted(Bindings& bindings, Binding binding) {
    std::erase_if(bindings, [&binding](const Binding& held) { return held.binding_id == binding.binding_id; });
    const auto place = std::find_if(bindings.begin(), bindings.end(),
                                    [&binding](const Binding& held) { return held.binding_id > binding.binding_id; });
    bindings.insert(place, std::move(binding));
}

Bindings without_multipath(const Bindings& current, const mip::RequestHeader& header, const Binding& made,
                           wire::Ipv4Address home_address) {
    if (header.lifetime != 0) {
        return {made};
    }
    Bindings next;
    if (header.care_of != home_address) {
        std::copy_if(current.begin(), current.end(), std::back_inserter(next),
                     [&header](const Binding& held) { return held.registered_care_of != header.care_of; });
    }
    return next;
}

Bindings with_multipath(const Bindings& current, const mip::RequestHeader& header, const mip::Multipath& multipath,
                        const Binding& made) {
    if (header.lifetime == 0 && multipath.bulk) {
        return {};
    }
    Bindings next = multipath.overwrite ? Bindings{} : current;
    std::erase_if(next, [&multipath](const Binding& held) {
        return held.binding_id == 0 || held.binding_id == multipath.binding_id;
    });
    if (header.lifetime == 0) {
        return next;
    }
    if (multipath.bulk) {
        for (Binding& held : next) {
            held.lifetime_s = made.lifetime_s;
            held.registered = made.registered;
            held.expires = made.expires;
        }
    }
    insert_sorted(next, made);
    return next;
}

}  // namespace

Bindings next_bindings(const Bindings& current, const mip::RegistrationRequest& request, Endpoint source,
                       wire::Ipv4Address home_address, std::uint16_t granted_s, Now now) {
    Binding made;
    made.tunnel = source;
    made.registered_care_of = request.header.care_of;
    made.lifetime_s = granted_s;
    made.registered = now.steady;
    made.expires = now.steady + std::chrono::seconds(granted_s);
    if (!request.multipath) {
        return without_multipath(current, request.header, made, home_address);
    }
    made.binding_id = request.multipath->binding_id;
    made.label = request.multipath->label;
    made.technology = request.multipath->technology;
    return with_multipath(current, request.header, *request.multipath, made);
}

bool forward_alike(const Bindings& a, const Bindings& b) noexcept {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                      [](const Binding& x, const Binding& y) { return x.forwards_like(y); });
}

}  // namespace homeward::registration
