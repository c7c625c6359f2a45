#include "config/home_agent.h"

#include <map>
#include <set>

#include "association.h"
#include "home_agent_reader.h"
#include "names.h"
#include "policy_reader.h"

namespace homeward::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void read_agent(const Value& value, HomeAgent& out) {
    const Map map{value, {"address", "admin_socket", "dataplane_socket", "state"}};
    if (const auto address = map.require("address")) {
        out.address = address->address();
    }
    if (const auto path = map.find("admin_socket")) {
        out.admin_socket = path->text(1, 107);  // sockaddr_un
    }
    if (const auto path = map.find("dataplane_socket")) {
        out.dataplane_socket = path->text(1, 107);
    }
    if (const auto path = map.find("state")) {
        out.state = path->text();
    }
}

/// "a.b.c.d/n": an address on a link, so bits behind the length are wanted.
std::string read_link_address(const Value& value) {
    const std::string_view text = value.raw();
    const std::size_t slash = std::min(text.find('/'), text.size());
    const auto address = wire::Ipv4Address::parse(text.substr(0, slash));
    const unsigned length = slash < text.size() ? whole<std::uint8_t>(text.substr(slash + 1)).value_or(0) : 0;
    if (!address || !address->is_unicast() || length == 0 || length > 32) {
        value.expected("an address with its prefix length such as 192.0.2.1/24");
        return {};
    }
    return std::string{text};
}

/// What a device is called, without its arguments.
std::string_view device_name(const Port& port) {
    return std::string_view{port.device}.substr(0, port.device.find(','));
}

/// A device may have several ports, each of them one VLAN of it; its arguments are then the same everywhere.
void read_place(const Map& map, const std::vector<Port>& earlier, Port& port) {
    if (const auto vlan = map.find("vlan")) {
        port.vlan = vlan->number<std::uint16_t>(1, 4094);
    }
    const auto device = map.require("device");
    if (!device) {
        return;
    }
    port.device = device->text();
    for (const Port& other : earlier) {
        if (device_name(other) != device_name(port)) {
            continue;
        }
        if (other.device != port.device) {
            device->fail("port " + other.name + " has the same device with other arguments: " + other.device);
        } else if (other.vlan == port.vlan) {
            const std::string vlan = port.vlan == 0 ? "untagged" : "VLAN " + std::to_string(port.vlan);
            device->fail("port " + other.name + " is on it, too, " + vlan + "; give one of them another vlan:");
        }
    }
}

Port read_port(const Value& value, const std::vector<Port>& earlier, Once& names, Once& twins) {
    const Map map{value, {"name", "device", "vlan", "twin", "addresses", "mtu"}};
    Port port;
    if (const auto name = map.require("name")) {
        port.name = read_device_name(*name);
        names.add(*name, port.name);
    }
    read_place(map, earlier, port);
    if (const auto twin = map.find("twin")) {
        port.twin = read_device_name(*twin);
    } else {
        port.twin = "hw-" + port.name;
        if (port.twin.size() > 15) {
            value.fail("the twin's name would be " + port.twin + ", longer than 15 characters; give it with twin:");
        }
    }
    twins.add(value, port.twin);
    if (const auto addresses = map.find("addresses")) {
        for (std::size_t i = 0; i < addresses->items(); ++i) {
            port.addresses.push_back(read_link_address(addresses->item(i)));
        }
    }
    if (const auto mtu = map.find("mtu")) {
        port.mtu = mtu->number<std::uint16_t>(576, 9216);
    }
    return port;
}

void read_ports(const Value& value, HomeAgent& out) {
    Once names{"the name"};
    Once twins{"the twin"};
    if (value.is_sequence() && value.items() == 0) {
        value.fail("expected at least one port");
    }
    for (std::size_t i = 0; i < value.items(); ++i) {
        out.ports.push_back(read_port(value.item(i), out.ports, names, twins));
    }
}

std::vector<std::string> read_texts(const Value& value) {
    std::vector<std::string> texts;
    for (std::size_t i = 0; i < value.items(); ++i) {
        texts.push_back(value.item(i).text());
    }
    return texts;
}

void read_exception_rates(const Value& value, Dataplane& out) {
    const Map map{value, {"registration", "arp", "other"}};
    const auto rate = [&](std::string_view key, std::uint32_t& pps) {
        if (const auto found = map.find(key)) {
            pps = found->number<std::uint32_t>(0, 10'000'000);
        }
    };
    rate("registration", out.exception_registration_pps);
    rate("arp", out.exception_arp_pps);
    rate("other", out.exception_other_pps);
}

void read_reassembly(const Value& value, Dataplane& out) {
    const Map map{value, {"datagrams", "memory", "timeout"}};
    if (const auto found = map.find("datagrams")) {
        out.reassembly_datagrams = found->number<std::uint32_t>(16, 65536);
    }
    if (const auto found = map.find("memory")) {
        out.reassembly_memory_mb = static_cast<std::uint32_t>(found->megabytes(1, 1024));
    }
    if (const auto found = map.find("timeout")) {
        out.reassembly_timeout_ms =
            static_cast<std::uint32_t>(found->duration(milliseconds{10}, milliseconds{60'000}).count());
    }
}

void read_dataplane(const Value& value, Dataplane& out) {
    const Map map{value,
                  {"workers", "cores", "huge_pages", "memory", "idle", "redistribution", "eal", "udp_checksum", "ecn",
                   "clamp_mss", "icmp_errors_per_s", "resend", "reassembly", "exception_pps"}};
    if (const auto found = map.find("workers")) {
        out.workers = found->number<unsigned>(1, 127);
    }
    if (const auto found = map.find("cores")) {
        out.cores = found->text(0);
        if (out.cores.find_first_not_of("0123456789,-@()") != std::string::npos) {
            found->expected("a core list such as 0,2-3");
        }
    }
    if (const auto found = map.find("huge_pages")) {
        out.huge_pages = found->one_of<HugePages>(
            {{"automatic", HugePages::automatic}, {"never", HugePages::never}, {"always", HugePages::always}});
    }
    if (const auto found = map.find("memory"); found && found->raw() != "automatic") {
        out.memory_mb = static_cast<unsigned>(found->megabytes(64, 1024 * 1024));
    }
    if (const auto found = map.find("idle")) {
        out.idle = found->one_of<Idle>({{"automatic", Idle::automatic}, {"poll", Idle::poll}, {"sleep", Idle::sleep}});
    }
    if (const auto found = map.find("redistribution")) {
        out.redistribution = found->one_of<Redistribution>({{"automatic", Redistribution::automatic},
                                                            {"never", Redistribution::never},
                                                            {"always", Redistribution::always}});
    }
    if (const auto found = map.find("eal")) {
        out.eal = read_texts(*found);
    }
    if (const auto found = map.find("udp_checksum")) {
        out.udp_checksum =
            found->one_of<ipc::Checksum>({{"compute", ipc::Checksum::compute}, {"zero", ipc::Checksum::zero}});
    }
    read_tunnel_choices(map, out.ecn, out.clamp_mss);
    if (const auto found = map.find("icmp_errors_per_s")) {
        out.icmp_errors_per_s = found->number<std::uint32_t>(0, 1'000'000);
    }
    if (const auto found = map.find("resend")) {
        out.resend_ms = static_cast<std::uint32_t>(found->duration(milliseconds{0}, milliseconds{1000}).count());
    }
    if (const auto found = map.find("reassembly")) {
        read_reassembly(*found, out);
    }
    if (const auto found = map.find("exception_pps")) {
        read_exception_rates(*found, out);
    }
}

void read_registration_times(const Map& map, Registration& out) {
    if (const auto found = map.find("max_lifetime")) {
        out.max_lifetime = found->seconds(seconds{1}, seconds{65534});
    }
    if (const auto found = map.find("timestamp_tolerance")) {
        out.timestamp_tolerance = found->seconds(seconds{1}, seconds{3600});
    }
    if (const auto found = map.find("keepalive")) {
        out.keepalive = found->seconds(seconds{1}, seconds{65535});
    }
    if (const auto found = map.find("dataplane_wait")) {
        out.dataplane_wait = found->duration(milliseconds{1}, milliseconds{10'000});
    }
}

void read_registration_limits(const Map& map, Registration& out) {
    if (const auto found = map.find("max_bindings_per_node")) {
        out.max_bindings_per_node = found->number<std::uint8_t>(1, policy::kMaxUplinks);
    }
    if (const auto found = map.find("max_bindings")) {
        out.max_bindings = found->number<std::uint32_t>(1, 16'000'000);
    }
    if (const auto found = map.find("max_rules_per_node")) {
        out.max_rules_per_node = found->number<std::uint32_t>(0, 1'000'000);
    }
    if (const auto found = map.find("requests_per_source_per_s")) {
        out.requests_per_source_per_s = found->number<std::uint32_t>(1, 1'000'000);
    }
    if (const auto found = map.find("organization")) {
        out.organization = found->number<std::uint32_t>(1, 0xffffffff);
    }
}

void read_registration(const Value& value, Registration& out) {
    const Map map{value,
                  {"max_lifetime", "timestamp_tolerance", "keepalive", "nat_traversal", "forced_udp", "ip_in_ip",
                   "require_reverse_tunnel", "multipath", "sequence_numbers", "answer_failed_authentication",
                   "accept_zero_udp_checksum", "max_bindings_per_node", "max_bindings", "max_rules_per_node",
                   "requests_per_source_per_s", "organization", "dataplane_wait"}};
    const auto yes_or_no = [&](std::string_view key, bool& choice) {
        if (const auto found = map.find(key)) {
            choice = found->boolean();
        }
    };
    yes_or_no("nat_traversal", out.nat_traversal);
    yes_or_no("forced_udp", out.forced_udp);
    yes_or_no("ip_in_ip", out.ip_in_ip);
    yes_or_no("require_reverse_tunnel", out.require_reverse_tunnel);
    yes_or_no("multipath", out.multipath);
    yes_or_no("sequence_numbers", out.sequence_numbers);
    yes_or_no("answer_failed_authentication", out.answer_failed_authentication);
    yes_or_no("accept_zero_udp_checksum", out.accept_zero_udp_checksum);
    read_registration_times(map, out);
    read_registration_limits(map, out);
}

UplinkNames read_uplink_names(const Value& value) {
    UplinkNames names;
    Once labels{"the label"};
    for (const auto& [name, label] : Map::named(value)) {
        const auto number = label.number<policy::Label>(1, 255);
        labels.add(label, std::to_string(number));
        names.emplace(name, number);
    }
    return names;
}

}  // namespace

void read_tunnel_choices(const Map& map, ipc::Ecn& ecn, bool& clamp_mss) {
    if (const auto found = map.find("ecn")) {
        ecn = found->one_of<ipc::Ecn>({{"compatibility", ipc::Ecn::compatibility}, {"normal", ipc::Ecn::normal}});
    }
    if (const auto found = map.find("clamp_mss")) {
        clamp_mss = found->boolean();
    }
}

namespace {

/// What a policy needs of the rest of the file.
void ask_for_numbers(const Value& nodes, const HomeAgent& agent) {
    for (std::size_t i = 0; i < agent.nodes.size() && !agent.registration.sequence_numbers; ++i) {
        const auto& file = agent.nodes[i].policy;
        if (file && file->policy.redundant()) {
            nodes.item(i).fail("rules[" + std::to_string(file->policy.first_redundant()) +
                               "].mode of its policy: redundant packets must have numbers: "
                               "registration.sequence_numbers: true");
        }
    }
}

Result<HomeAgent> read_document(const Result<Document>& document) {
    if (!document) {
        return document.error();
    }
    Report report;
    const Value root{*document, report};
    const Map map{root, {"home_agent", "ports", "dataplane", "registration", "home_networks", "uplinks", "nodes"}};
    HomeAgent out;
    if (const auto agent = map.require("home_agent")) {
        read_agent(*agent, out);
    }
    if (const auto ports = map.require("ports")) {
        read_ports(*ports, out);
    }
    if (const auto dataplane = map.find("dataplane")) {
        read_dataplane(*dataplane, out.dataplane);
    }
    if (const auto registration = map.find("registration")) {
        read_registration(*registration, out.registration);
    }
    if (const auto uplinks = map.find("uplinks")) {
        out.uplinks = read_uplink_names(*uplinks);
    }
    if (const auto networks = map.require("home_networks")) {
        read_home_networks(*networks, out);
    }
    if (const auto nodes = map.find("nodes")) {
        read_nodes(*nodes, out);
        ask_for_numbers(*nodes, out);
    }
    if (report.failed()) {
        return report.error();
    }
    return out;
}

}  // namespace

Result<HomeAgent> load_home_agent(const std::filesystem::path& file) {
    return read_document(Document::load(file));
}

Result<HomeAgent> parse_home_agent(const std::filesystem::path& file, std::string_view text) {
    return read_document(Document::parse(file.string(), text));
}

}  // namespace homeward::config
