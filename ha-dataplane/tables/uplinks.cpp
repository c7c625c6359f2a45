// The half of Tables that writes bindings and their uplinks; binding.h has the order of stores and why.
#include <rte_random.h>

#include <algorithm>

#include "tables/tables.h"

namespace homeward::tables {
namespace {

struct Placement {
    std::array<std::uint8_t, ipc::kMaxUplinks> slot{};  ///< by position in the record
    std::uint32_t order = 0;
    unsigned used = 0;  ///< bit per slot
};

/// An uplink that is there already keeps its slot; new ones prefer slots that no published uplink uses, so that what
/// readers may still be choosing from is overwritten last.
Placement place(const Binding& binding, const ipc::Binding& record) {
    Placement placement;
    const std::uint32_t old = binding.order.load(std::memory_order_relaxed);
    std::array<bool, ipc::kMaxUplinks> placed{};
    unsigned published = 0;
    for (unsigned position = 0; position < Binding::count(old); ++position) {
        const unsigned slot = Binding::slot(old, position);
        published |= 1U << slot;
        for (unsigned i = 0; i < record.uplink_count; ++i) {
            if (!placed[i] && record.uplinks[i].binding_id == binding.rest->binding_ids[slot]) {
                placement.slot[i] = static_cast<std::uint8_t>(slot);
                placement.used |= 1U << slot;
                placed[i] = true;
                break;
            }
        }
    }
    for (unsigned i = 0; i < record.uplink_count; ++i) {
        if (!placed[i]) {
            const unsigned unused = ~(placement.used | published) & 0xffU;
            const unsigned candidates = unused != 0 ? unused : ~placement.used & 0xffU;
            placement.slot[i] = static_cast<std::uint8_t>(__builtin_ctz(candidates));
            placement.used |= 1U << placement.slot[i];
        }
    }
    placement.order = record.uplink_count;
    for (unsigned i = 0; i < record.uplink_count; ++i) {
        placement.order |= std::uint32_t{placement.slot[i]} << (4 + 3 * i);
        placement.order |= placement.slot[i] >= Binding::kFirstLine ? Binding::kSecondLine : 0;
    }
    return placement;
}

/// Of several uplinks of one name, the first in the node's order that is up.
std::uint16_t slots_by_name(const Binding& binding, std::uint32_t order) {
    unsigned slots = 0;
    for (const bool up : {false, true}) {
        for (unsigned position = Binding::count(order); position-- > 0;) {
            const unsigned slot = Binding::slot(order, position);
            const UplinkWord word = binding.uplink(slot);
            if (slot < Binding::kFirstLine && word.up() == up) {
                const unsigned shift = Binding::name_shift(word.name());
                slots = (slots & ~(3U << shift)) | slot << shift;
            }
        }
    }
    return static_cast<std::uint16_t>(slots);
}

std::string refused(wire::Ipv4Address address, const char* reason) {
    return "binding of " + address.to_string() + ": " + reason;
}

Status check(const ipc::Binding& record) {
    const wire::Ipv4Address address{record.home_address};
    if (record.uplink_count == 0 || record.uplink_count > ipc::kMaxUplinks) {
        return Error{refused(address, "1 to 8 uplinks are possible")};
    }
    for (unsigned i = 0; i < record.uplink_count; ++i) {
        const ipc::Uplink& uplink = record.uplinks[i];
        if (!wire::Ipv4Address{uplink.care_of}.is_unicast()) {
            return Error{refused(address, "a care-of address that nobody can have")};
        }
        if (uplink.care_of == record.home_address) {
            return Error{refused(address, "a care-of address that is the home address")};
        }
        for (unsigned j = 0; j < i; ++j) {
            if (record.uplinks[j].binding_id == uplink.binding_id) {
                return Error{refused(address, "the same binding id twice")};
            }
            if (record.uplinks[j].care_of == uplink.care_of && record.uplinks[j].port == uplink.port) {
                return Error{refused(address, "the same care-of address and port twice")};
            }
        }
    }
    return {};
}

}  // namespace

Status Tables::put_binding(const ipc::Binding& record) {
    if (const Status sane = check(record); !sane) {
        return sane;
    }
    const wire::Ipv4Address address{record.home_address};
    Policy* policy = nullptr;
    if (record.policy != 0) {
        const auto found = policies_.find(record.policy);
        if (found == policies_.end()) {
            return Error{refused(address, "policy ") + std::to_string(record.policy) + " is not known"};
        }
        policy = found->second;
    }
    Binding* binding = writable(address, true);
    if (binding == nullptr) {
        return Error{refused(address, "no home network covers it")};
    }
    if (!number(*binding, record)) {
        return Error{refused(address, "no more nodes can have their packets numbered")};
    }
    write_uplinks(*binding, record, policy);
    return {};
}

/// A node that numbers its packets anew is known anew. False: there is no room for it.
bool Tables::number(Binding& binding, const ipc::Binding& record) {
    const std::uint32_t held = binding.rest->numbered.load(std::memory_order_relaxed);
    if ((record.flags & ipc::kNumbered) == 0) {
        point_to(binding, std::uint32_t{0});
        return true;
    }
    const bool everything = (record.flags & ipc::kNumberEverything) != 0;
    if (held != 0 && numberings_.at(held).run == record.run && numberings_.at(held).everything == everything) {
        return true;
    }
    const std::uint32_t made = numberings_.make(record.run, everything, static_cast<std::uint16_t>(rte_rand()));
    if (made != 0) {
        point_to(binding, made);
    }
    return made != 0;
}

void Tables::point_to(Binding& binding, std::uint32_t numbered) {
    const std::uint32_t held = binding.rest->numbered.load(std::memory_order_relaxed);
    if (held == numbered) {
        return;
    }
    binding.rest->numbered.store(numbered, std::memory_order_release);
    if (held != 0) {
        quiescence_.retire([this, held] { numberings_.release(held); });
    }
}

void Tables::write_uplinks(Binding& binding, const ipc::Binding& record, Policy* policy) {
    Placement placement = place(binding, record);
    placement.order |= (record.flags & ipc::kNumbered) != 0 ? Binding::kNumbered : 0;
    const auto* const uplinks = record.uplinks.begin();
    const bool all_udp = std::all_of(uplinks, uplinks + record.uplink_count, [](const auto& u) { return u.port != 0; });
    placement.order |= all_udp ? 0 : Binding::kPlain;
    const bool by_id = (record.flags & ipc::kPolicyNamesBindingIds) != 0;
    binding_count_ += binding.bound() ? 0U : 1U;
    binding.rest->mark = sync_mark_;
    point_to(binding, policy);
    for (unsigned slot = 0; slot < ipc::kMaxUplinks; ++slot) {
        forget_tuple(binding, slot, record.home_address);
    }
    for (unsigned i = 0; i < record.uplink_count; ++i) {
        const ipc::Uplink& uplink = record.uplinks[i];
        const unsigned slot = placement.slot[i];
        binding.rest->told_mtu[slot] = uplink.tunnel_mtu;
        binding.rest->binding_ids[slot] = uplink.binding_id;
        const UplinkWord word{uplink.care_of, uplink.port, by_id ? uplink.binding_id : uplink.label,
                              (uplink.flags & ipc::kUplinkUp) != 0};
        if (binding.uplink(slot).bits() != word.bits()) {
            binding.set_uplink(slot, word);
        }
        home_by_tuple_[tuple(uplink.care_of, uplink.port)] = record.home_address;
    }
    refresh_mtu(binding, placement.order);
    binding.slot_by_name.store(slots_by_name(binding, placement.order), std::memory_order_relaxed);
    binding.order.store(placement.order, std::memory_order_release);
    for (unsigned slot = 0; slot < ipc::kMaxUplinks; ++slot) {
        if ((placement.used >> slot & 1) == 0) {
            binding.set_uplink(slot, UplinkWord{});
        }
    }
    if ((placement.order & Binding::kNumbered) != 0) {
        numberings_.changed();
    }
}

bool Tables::remove_binding(wire::Ipv4Address home_address) {
    Binding* binding = writable(home_address, false);
    if (binding == nullptr || !binding->bound()) {
        return false;
    }
    clear(*binding, home_address);
    return true;
}

void Tables::clear(Binding& binding, wire::Ipv4Address home_address) {
    binding.order.store(0, std::memory_order_release);
    for (unsigned slot = 0; slot < ipc::kMaxUplinks; ++slot) {
        forget_tuple(binding, slot, home_address.host());
        binding.set_uplink(slot, UplinkWord{});
    }
    if (binding.rest->numbered.load(std::memory_order_relaxed) != 0) {
        numberings_.changed();
    }
    point_to(binding, &closed_policy());
    point_to(binding, std::uint32_t{0});
    --binding_count_;
}

void Tables::forget_tuple(const Binding& binding, unsigned slot, std::uint32_t home_address) {
    const UplinkWord word = binding.uplink(slot);
    const auto found = home_by_tuple_.find(tuple(word.care_of(), word.port()));
    if (word.present() && found != home_by_tuple_.end() && found->second == home_address) {
        home_by_tuple_.erase(found);
    }
}

std::uint16_t Tables::mtu_in_force(std::uint16_t told, UplinkWord uplink) const {
    const std::uint16_t wanted = told == 0 ? shared().settings.tunnel_mtu : told;
    const auto lowered = path_mtus_.find(tuple(uplink.care_of(), uplink.port()));
    return lowered == path_mtus_.end() ? wanted : std::min(wanted, lowered->second.tunnel_mtu);
}

void Tables::refresh_mtu(Binding& binding, std::uint32_t order) {
    std::uint16_t smallest = 0xffff;
    for (unsigned position = 0; position < Binding::count(order); ++position) {
        const unsigned slot = Binding::slot(order, position);
        const std::uint16_t mtu = mtu_in_force(binding.rest->told_mtu[slot], binding.uplink(slot));
        binding.set_mtu(slot, mtu);
        smallest = std::min(smallest, mtu);
    }
    binding.clamp_mtu.store(smallest, std::memory_order_relaxed);
}

bool Tables::lower_path_mtu(std::uint32_t care_of, std::uint16_t port, std::uint16_t tunnel_mtu, std::uint64_t now_s) {
    const auto owner = home_by_tuple_.find(tuple(care_of, port));
    Binding* binding = owner == home_by_tuple_.end() ? nullptr : writable(wire::Ipv4Address{owner->second}, false);
    if (binding == nullptr) {
        return false;
    }
    const std::uint16_t bounded = std::max(tunnel_mtu, kMinTunnelMtu);
    const auto [held, fresh] = path_mtus_.try_emplace(tuple(care_of, port), PathMtu{bounded, 0});
    if (fresh || bounded <= held->second.tunnel_mtu) {
        held->second = {bounded, now_s + kPathMtuLifetimeS};
        refresh_mtu(*binding, binding->order.load(std::memory_order_relaxed));
    }
    return true;
}

void Tables::expire(std::uint64_t now_s) {
    for (auto lowered = path_mtus_.begin(); lowered != path_mtus_.end();) {
        if (lowered->second.expires_s > now_s) {
            ++lowered;
            continue;
        }
        const auto owner = home_by_tuple_.find(lowered->first);
        lowered = path_mtus_.erase(lowered);
        if (owner != home_by_tuple_.end()) {
            if (Binding* binding = writable(wire::Ipv4Address{owner->second}, false); binding != nullptr) {
                refresh_mtu(*binding, binding->order.load(std::memory_order_relaxed));
            }
        }
    }
}

}  // namespace homeward::tables
