#include "mip/malformed.h"

namespace homeward::mip {

std::string_view name(Unframed reason) noexcept {
    switch (reason) {
        case Unframed::wrong_type:
            return "wrong-type";
        case Unframed::too_short:
            return "too-short";
        case Unframed::extension_overrun:
            return "extension-overrun";
        case Unframed::unknown_extension:
            return "unknown-extension";
        case Unframed::no_authentication:
            return "no-authentication";
        case Unframed::several_authentications:
            return "several-authentications";
    }
    return "unknown";
}

std::string_view name(Malformed reason) noexcept {
    switch (reason) {
        case Malformed::nai_length:
            return "nai-length";
        case Malformed::several_nais:
            return "several-nais";
        case Malformed::udp_tunnel_length:
            return "udp-tunnel-length";
        case Malformed::udp_tunnel_without_d:
            return "udp-tunnel-without-d";
        case Malformed::udp_tunnel_after_authentication:
            return "udp-tunnel-after-authentication";
        case Malformed::multipath_length:
            return "multipath-length";
        case Malformed::several_multipaths:
            return "several-multipaths";
        case Malformed::multipath_bulk_and_overwrite:
            return "multipath-bulk-and-overwrite";
        case Malformed::multipath_overwrite_without_lifetime:
            return "multipath-overwrite-without-lifetime";
        case Malformed::binding_id:
            return "binding-id";
        case Malformed::label:
            return "label";
        case Malformed::flow_binding_length:
            return "flow-binding-length";
        case Malformed::flow_binding_action:
            return "flow-binding-action";
        case Malformed::flow_binding_count:
            return "flow-binding-count";
        case Malformed::flow_binding_unknown_subtype:
            return "flow-binding-unknown-subtype";
        case Malformed::selector_format:
            return "selector-format";
        case Malformed::selector_length:
            return "selector-length";
        case Malformed::selector_end_without_start:
            return "selector-end-without-start";
        case Malformed::selector_end_before_start:
            return "selector-end-before-start";
        case Malformed::revocation_length:
            return "revocation-length";
        case Malformed::vendor_length:
            return "vendor-length";
    }
    return "unknown";
}

}  // namespace homeward::mip
