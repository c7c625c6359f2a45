#include "uplinks/link_model.h"

#include <algorithm>

namespace homeward::uplinks {
namespace {

template <class T>
void change(std::vector<T>& held, const T& value, bool removed) {
    const auto found = std::find(held.begin(), held.end(), value);
    if (removed && found != held.end()) {
        held.erase(found);
    } else if (!removed && found == held.end()) {
        held.push_back(value);
    }
}

}  // namespace

void LinkModel::apply(const LinkChange& change) {
    if (change.removed) {
        interfaces_.erase(change.index);
        return;
    }
    Interface& interface = interfaces_[change.index];
    interface.name = change.name;
    interface.running = change.running;
    interface.point_to_point = change.point_to_point;
    interface.mtu = change.mtu.value_or(interface.mtu);
}

void LinkModel::apply(const AddressChange& change_) {
    change(interfaces_[change_.index].addresses, change_.address, change_.removed);
}

void LinkModel::apply(const GatewayChange& change_) {
    change(interfaces_[change_.index].gateways, Gateway{change_.gateway, change_.metric, change_.table},
           change_.removed);
}

void LinkModel::clear() {
    interfaces_.clear();
}

Attachment LinkModel::attachment(const std::string& name) const {
    Attachment result;
    for (const auto& [index, interface] : interfaces_) {
        if (interface.name != name) {
            continue;
        }
        result.index = index;
        result.running = interface.running;
        result.point_to_point = interface.point_to_point;
        result.mtu = interface.mtu;
        if (!interface.addresses.empty()) {
            result.address = interface.addresses.front();
        }
        const auto best = std::min_element(interface.gateways.begin(), interface.gateways.end(),
                                           [](const Gateway& a, const Gateway& b) { return a.metric < b.metric; });
        if (best != interface.gateways.end()) {
            result.default_route = true;
            result.gateway = best->address;
        }
    }
    return result;
}

}  // namespace homeward::uplinks
