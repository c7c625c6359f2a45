#include "config/mobile_node.h"

#include "association.h"
#include "engine_reader.h"
#include "home_agent_reader.h"
#include "names.h"
#include "policy_reader.h"

namespace homeward::config {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

void read_identity(const Value& value, MobileNode& out) {
    const Map map{value, {"nai", "home_address", "home_agent", "association", "admin_socket"}};
    if (const auto nai = map.find("nai")) {
        out.nai = read_nai(*nai);
    }
    if (const auto address = map.find("home_address")) {
        out.home_address = address->address();
    } else if (out.nai.empty()) {
        value.fail("expected nai, home_address or both");
    }
    if (const auto agent = map.require("home_agent")) {
        out.home_agent = agent->address();
        if (out.home_address == out.home_agent) {
            agent->fail("is the home address");
        }
    }
    if (const auto association = map.require("association")) {
        out.association = read_association(*association, out.warnings);
    }
    if (const auto path = map.find("admin_socket")) {
        out.admin_socket = path->text(1, 107);  // sockaddr_un
    }
}

AccessTechnology read_technology(const Value& value) {
    using enum AccessTechnology;
    return value.one_of<AccessTechnology>({{"virtual", virtual_link},
                                           {"ppp", ppp},
                                           {"ethernet", ethernet},
                                           {"wlan", wlan},
                                           {"wimax", wimax},
                                           {"gsm", gsm},
                                           {"umts", umts},
                                           {"lte", lte}});
}

struct UplinksRead {
    Once names{"the name"};
    Once interfaces{"the interface"};
    Once labels{"the label"};
};

UplinkConfig read_uplink(const Value& value, UplinksRead& read) {
    const Map map{value, {"name", "interface", "label", "technology", "gateway", "wake_up"}};
    UplinkConfig uplink;
    if (const auto name = map.require("name")) {
        uplink.name = name->text(1, 32);
        read.names.add(*name, uplink.name);
    }
    if (const auto interface = map.require("interface")) {
        uplink.interface = read_device_name(*interface);
        read.interfaces.add(*interface, uplink.interface);
    }
    if (const auto label = map.require("label")) {
        uplink.label = label->number<policy::Label>(1, 254);  // also a binding id, where 255 is reserved
        read.labels.add(*label, std::to_string(uplink.label));
    }
    if (const auto technology = map.find("technology")) {
        uplink.technology = read_technology(*technology);
    }
    if (const auto gateway = map.find("gateway")) {
        uplink.gateway = gateway->address();
    }
    if (const auto found = map.find("wake_up")) {
        uplink.wake_up = found->duration(milliseconds{0}, milliseconds{10'000});
    }
    return uplink;
}

void read_uplinks(const Value& value, MobileNode& out) {
    UplinksRead read;
    if (value.is_sequence() && (value.items() == 0 || value.items() > policy::kMaxUplinks)) {
        value.fail("expected 1 to " + std::to_string(policy::kMaxUplinks) + " uplinks, got " +
                   std::to_string(value.items()));
    }
    for (std::size_t i = 0; i < value.items(); ++i) {
        out.uplinks.push_back(read_uplink(value.item(i), read));
    }
}

void read_registration(const Value& value, MobileNode& out) {
    const Map map{value, {"lifetime", "keepalive", "organization"}};
    if (const auto found = map.find("lifetime")) {
        out.lifetime = found->seconds(seconds{1}, seconds{65534});
    }
    if (const auto found = map.find("keepalive")) {
        out.keepalive = found->seconds(seconds{0}, seconds{65535});
    }
    if (const auto found = map.find("organization")) {
        out.organization = found->number<std::uint32_t>(1, 0xffffffff);
    }
}

void read_tunnel(const Value& value, MobileNode& out) {
    const Map map{value,
                  {"interface", "mtu", "udp_checksum", "ecn", "clamp_mss", "ipv6", "offload", "require_bpf",
                   "fast_path", "sequence_numbers", "ip_in_ip"}};
    if (const auto found = map.find("interface")) {
        out.interface = read_device_name(*found);
        for (const UplinkConfig& uplink : out.uplinks) {
            if (uplink.interface == out.interface) {
                found->fail("is the interface of uplink " + uplink.name);
            }
        }
    }
    if (const auto found = map.find("mtu"); found && found->raw() != "automatic") {
        out.mtu = found->number<std::uint16_t>(576, 9216);
    }
    if (const auto found = map.find("udp_checksum")) {
        out.udp_checksum = found->one_of<OuterChecksum>({{"automatic", OuterChecksum::automatic},
                                                         {"compute", OuterChecksum::compute},
                                                         {"zero", OuterChecksum::zero}});
    }
    read_tunnel_choices(map, out.ecn, out.clamp_mss);
    if (const auto found = map.find("ipv6")) {
        out.ipv6 = found->one_of<Ipv6>({{"block", Ipv6::block}, {"leave", Ipv6::leave}});
    }
    if (const auto found = map.find("offload")) {
        out.offload = found->boolean();
    }
    if (const auto found = map.find("sequence_numbers")) {
        out.sequence_numbers = found->boolean();
    }
    if (const auto found = map.find("ip_in_ip")) {
        out.ip_in_ip = found->boolean();
        if (out.ip_in_ip && out.sequence_numbers) {
            found->fail("IP in IP has no place for tunnel.sequence_numbers: one of the two");
        }
    }
    if (const auto found = map.find("require_bpf")) {
        out.require_bpf = found->boolean();
    }
    if (const auto found = map.find("fast_path")) {
        out.fast_path = found->one_of<FastPath>({{"automatic", FastPath::automatic}, {"off", FastPath::off}});
    }
}

std::vector<wire::Ipv4Prefix> read_prefixes(const Value& value) {
    std::vector<wire::Ipv4Prefix> prefixes;
    for (std::size_t i = 0; i < value.items(); ++i) {
        prefixes.push_back(value.item(i).prefix());
    }
    return prefixes;
}

void read_dns(const Value& value, MobileNode& out) {
    constexpr std::size_t kServers = 3;  // resolv.conf(5)
    if (value.is_sequence() && value.items() > kServers) {
        value.fail("expected at most " + std::to_string(kServers) + " servers, got " + std::to_string(value.items()));
    }
    for (std::size_t i = 0; i < value.items(); ++i) {
        const Value item = value.item(i);
        const wire::Ipv4Address server = item.address();
        for (const wire::Ipv4Prefix& prefix : out.excluded) {
            if (prefix.contains(server)) {
                item.fail("is in routing.excluded, and a DNS server here is one inside the tunnel");
            }
        }
        out.dns.push_back(server);
    }
}

void read_routing(const Value& value, MobileNode& out) {
    const Map map{value, {"routes", "excluded", "kill_switch", "dns", "table", "rule_priority"}};
    if (const auto found = map.find("routes")) {
        out.routes = read_prefixes(*found);
    }
    if (const auto found = map.find("excluded")) {
        out.excluded = read_prefixes(*found);
    }
    if (const auto found = map.find("kill_switch")) {
        out.kill_switch = found->one_of<KillSwitch>(
            {{"off", KillSwitch::off}, {"on", KillSwitch::on}, {"always", KillSwitch::always}});
        if (out.kill_switch != KillSwitch::off && !out.routes.empty()) {
            found->fail(
                "what is not in routing.routes could not leave at all: take everything into the tunnel (no "
                "routes) and list in routing.excluded what may pass it by");
        }
    }
    if (const auto found = map.find("dns")) {
        read_dns(*found, out);
    }
    if (const auto found = map.find("table")) {
        out.route_table = found->number<std::uint32_t>(1, 0xffffffff);
        if (out.route_table >= 253 && out.route_table <= 255) {
            found->fail("the tables 253 to 255 are the kernel's own");
        }
    }
    if (const auto found = map.find("rule_priority")) {
        out.rule_priority = found->number<std::uint32_t>(1, 32'000);
    }
}

void read_probes(const Value& value, MobileNode& out) {
    const Map map{value, {"interval", "unanswered"}};
    if (const auto found = map.find("interval")) {
        out.probe_interval = found->duration(milliseconds{0}, milliseconds{10'000});
        if (out.probe_interval > milliseconds{0} && out.probe_interval < milliseconds{10}) {
            found->fail("expected 0 (no probes) or 10 ms and more");
        }
    }
    if (const auto found = map.find("unanswered")) {
        out.probes_unanswered = found->number<unsigned>(1, 20);
    }
}

void read_handover(const Value& value, MobileNode& out) {
    const Map map{value, {"hold_down", "hold", "resend", "probes", "rates"}};
    if (const auto found = map.find("hold_down")) {
        out.hold_down = found->duration(milliseconds{0}, milliseconds{600'000});
    }
    const auto numbered = [&](std::string_view key, bool& choice) {
        if (const auto found = map.find(key)) {
            choice = found->boolean();
            if (choice && !out.sequence_numbers) {
                found->fail(
                    "packets must have numbers for that: tunnel.sequence_numbers: true, here and "
                    "registration.sequence_numbers: true at the home agent");
            }
        }
    };
    numbered("hold", out.hold);
    numbered("resend", out.resend);
    if (const auto found = map.find("probes")) {
        read_probes(*found, out);
    }
    if (const auto found = map.find("rates")) {
        out.rates_interval = found->duration(milliseconds{0}, milliseconds{3'600'000});
    }
}

int read_dbm(const Value& value) {
    const std::optional<int> number = whole<int>(value.raw());
    if (!number || *number < -120 || *number > 0) {
        value.expected("a signal strength in dBm from -120 to 0");
        return 0;
    }
    return *number;
}

SignalSource read_signal_source(const Value& value) {
    using enum SignalSource;
    return value.one_of<SignalSource>({{"automatic", automatic},
                                       {"nl80211", nl80211},
                                       {"wpa_supplicant", wpa_supplicant},
                                       {"replay", replay},
                                       {"none", none}});
}

void read_signal(const Value& value, Signal& out) {
    const Map map{value, {"source", "interval", "wpa_supplicant", "trace", "leave_below", "return_above"}};
    if (const auto found = map.find("source")) {
        out.source = read_signal_source(*found);
    }
    if (const auto found = map.find("interval")) {
        out.interval = found->duration(milliseconds{50}, milliseconds{60'000});
    }
    if (const auto found = map.find("wpa_supplicant")) {
        out.wpa_supplicant = found->text();
    }
    if (const auto found = map.find("trace")) {
        out.trace = std::filesystem::path(value.file()).parent_path() / found->text();
    } else if (out.source == SignalSource::replay) {
        value.fail("source replay needs a trace");
    }
    const auto leave = map.find("leave_below");
    const auto back = map.find("return_above");
    out.leave_below_dbm = leave ? read_dbm(*leave) : out.leave_below_dbm;
    out.return_above_dbm = back ? read_dbm(*back) : out.return_above_dbm;
    if (out.return_above_dbm <= out.leave_below_dbm) {
        (back ? *back : leave ? *leave : value).fail("return_above must be above leave_below, or the node oscillates");
    }
}

void read_position(const Value& value, MobileNode& out) {
    const Map map{value, {"replay"}};
    if (const auto file = map.require("replay")) {
        out.position = std::filesystem::path(value.file()).parent_path() / file->text();
    }
}

}  // namespace

UplinkNames MobileNode::uplink_names() const {
    UplinkNames names;
    for (const UplinkConfig& uplink : uplinks) {
        names.emplace(uplink.name, uplink.label);
    }
    return names;
}

namespace {

Result<MobileNode> read_document(const Result<Document>& document) {
    if (!document) {
        return document.error();
    }
    Report report;
    const Value root{*document, report};
    const Map map{
        root,
        {"node", "uplinks", "policy", "registration", "tunnel", "routing", "handover", "signal", "position", "engine"}};
    MobileNode out;
    if (const auto node = map.require("node")) {
        read_identity(*node, out);
    }
    if (const auto uplinks = map.require("uplinks")) {
        read_uplinks(*uplinks, out);
    }
    if (const auto registration = map.find("registration")) {
        read_registration(*registration, out);
    }
    if (const auto tunnel = map.find("tunnel")) {
        read_tunnel(*tunnel, out);
    }
    if (const auto routing = map.find("routing")) {
        read_routing(*routing, out);
    }
    if (const auto handover = map.find("handover")) {
        read_handover(*handover, out);
    }
    if (const auto signal = map.find("signal")) {
        read_signal(*signal, out.signal);
    }
    if (const auto position = map.find("position")) {
        read_position(*position, out);
    }
    if (const auto engine = map.find("engine")) {
        out.engine = read_engine(*engine, out.uplinks);
    }
    if (const auto policy = map.require("policy")) {
        out.policy = read_policy_or_file(*policy, out.uplink_names());
        if (out.policy.policy.redundant() && !out.sequence_numbers) {
            policy->fail("rules[" + std::to_string(out.policy.policy.first_redundant()) +
                         "].mode: redundant packets must have numbers: tunnel.sequence_numbers: true, here and "
                         "registration.sequence_numbers: true at the home agent");
        }
    }
    if (report.failed()) {
        return report.error();
    }
    return out;
}

}  // namespace

Result<MobileNode> load_mobile_node(const std::filesystem::path& file) {
    return read_document(Document::load(file));
}

Result<MobileNode> parse_mobile_node(const std::filesystem::path& file, std::string_view text) {
    return read_document(Document::parse(file.string(), text));
}

}  // namespace homeward::config
