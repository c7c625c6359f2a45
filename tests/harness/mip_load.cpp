/// mip-load: many simulated nodes that register, renew and leave over real UDP, and count what they are answered.
///
/// Every node has a socket of its own, hence a port and a tunnel of its own. `--window` requests are under way at a
/// time; one that is not answered within a second is sent again with a new identification. The result is one line of
/// JSON per phase. Exit 0: everybody was accepted in every phase.

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <deque>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "mip/reply.h"
#include "mip/request.h"
#include "mip/tunnel.h"
#include "policy/sync.h"

namespace {

using namespace homeward;
using namespace std::chrono_literals;
using Clock = std::chrono::steady_clock;

constexpr std::chrono::minutes kPatience{2};

constexpr auto kRetransmit = 1s;
constexpr int kAttempts = 10;

struct Options {
    std::string agent = "192.0.2.1", home = "10.10.0.1", source, key = "000102030405060708090a0b0c0d0e0f";
    unsigned nodes = 1000, window = 64, renewals = 1;
    std::uint16_t lifetime = 300;
    std::uint32_t organization = 32473, rules = 0;
    bool stay = false;
};

struct Node {
    int socket = -1;
    wire::Ipv4Address home_address;
    mip::Identification sent{};
    Clock::time_point sent_at, first_sent_at;
    int attempts = 0;
    bool waiting = false;
};

wire::Bytes key_bytes(const std::string& hex) {
    wire::Bytes bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes.push_back(static_cast<std::uint8_t>(std::stoul(hex.substr(i, 2), nullptr, 16)));
    }
    return bytes;
}

wire::Ipv4Address address(const std::string& text) {
    const auto read = wire::Ipv4Address::parse(text);
    if (!read) {
        throw std::runtime_error("`" + text + "` is not an IPv4 address");
    }
    return *read;
}

sockaddr_in socket_address(wire::Ipv4Address host, std::uint16_t port) {
    sockaddr_in made{};
    made.sin_family = AF_INET;
    made.sin_port = wire::be16{port}.raw();
    made.sin_addr.s_addr = host.wire().raw();
    return made;
}

class Load {
  public:
    explicit Load(const Options& options)
        : options_(options),
          agent_(address(options.agent)),
          source_(address(options.source)),
          authenticator_(256, mip::Algorithm::hmac_md5, key_bytes(options.key)),
          events_(::epoll_create1(EPOLL_CLOEXEC)) {
        const rlimit files{options.nodes + 64, options.nodes + 64};
        ::setrlimit(RLIMIT_NOFILE, &files);
        const wire::Ipv4Address first = address(options.home);
        for (unsigned i = 0; i < options.nodes; ++i) {
            add_node(wire::Ipv4Address{first.host() + i});
        }
    }

    /// One exchange for every node; true: all accepted.
    bool phase(const std::string& name, std::uint16_t lifetime) {
        std::map<int, unsigned> codes;
        std::vector<double> latencies;
        unsigned repeated = 0;
        std::deque<std::size_t> todo;
        for (std::size_t i = 0; i < nodes_.size(); ++i) {
            todo.push_back(i);
        }
        std::size_t under_way = 0, finished = 0, lost = 0;
        const Clock::time_point begin = Clock::now();
        while (finished < nodes_.size()) {
            while (!todo.empty() && under_way < options_.window) {
                start(nodes_[todo.front()], lifetime);
                todo.pop_front();
                ++under_way;
            }
            for (const auto& [index, code] : receive(100)) {
                ++codes[code];
                latencies.push_back(
                    std::chrono::duration<double, std::milli>(Clock::now() - nodes_[index].first_sent_at).count());
                --under_way;
                ++finished;
            }
            for (Node& node : nodes_) {
                if (!node.waiting || Clock::now() - node.sent_at < kRetransmit) {
                    continue;
                }
                if (node.attempts == kAttempts) {
                    node.waiting = false;
                    --under_way;
                    ++finished;
                    ++lost;
                } else {
                    send(node, lifetime);
                    ++repeated;
                }
            }
        }
        const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
        std::sort(latencies.begin(), latencies.end());
        nlohmann::json report{{"phase", name},      {"nodes", nodes_.size()},
                              {"lost", lost},       {"repeated", repeated},
                              {"seconds", seconds}, {"per_second", static_cast<double>(nodes_.size()) / seconds}};
        for (const auto& [code, count] : codes) {
            report["codes"][std::to_string(code)] = count;
        }
        if (!latencies.empty()) {
            report["latency_ms"] = {{"median", latencies[latencies.size() / 2]},
                                    {"p99", latencies[latencies.size() * 99 / 100]}};
        }
        std::cout << report.dump() << std::endl;
        return lost == 0 && codes.size() == 1 && codes.begin()->first <= 1;
    }

    /// The first node brings a table of `rules` rules to the home agent.
    bool synchronise(std::uint32_t rules) {
        auto table = std::make_shared<policy::Policy>();
        table->fallback = {1};
        for (std::uint32_t i = 0; i < rules; ++i) {
            policy::Rule rule;
            rule.correspondent = {wire::Ipv4Address{0x0b000000U + i * 16}, 28};
            rule.uplinks = {1};
            table->rules.push_back(rule);
        }
        policy::SyncSender sender;
        sender.set(table, {1, policy::digest(policy::encode(*table))});
        const Clock::time_point begin = Clock::now();
        send(nodes_[0], options_.lifetime, sender.request(1200, now()));
        while (!sender.synchronised() && !sender.refused() && Clock::now() - begin < kPatience) {
            while (sender.due(now())) {
                send(nodes_[0], options_.lifetime, sender.request(1200, now()));
            }
            receive(5, [&sender](const mip::RegistrationReply& reply, std::uint32_t organization) {
                if (mip::accepted(reply.header.code)) {
                    sender.reply(mip::joined(reply.vendor, organization, policy::kSyncVendorType), now());
                }
            });
        }
        std::cout << nlohmann::json{{"phase", "synchronise"},
                                    {"rules", rules},
                                    {"synchronised", sender.synchronised()},
                                    {"seconds", std::chrono::duration<double>(Clock::now() - begin).count()},
                                    {"chunks", sender.counters().chunks},
                                    {"repeated", sender.counters().repeated},
                                    {"bytes", sender.counters().bytes}}
                         .dump()
                  << std::endl;
        return sender.synchronised();
    }

  private:
    static policy::Time now() { return Clock::now().time_since_epoch(); }

    void add_node(wire::Ipv4Address home_address) {
        const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
        const sockaddr_in here = socket_address(source_, 0);
        const sockaddr_in there = socket_address(agent_, mip::kPort);
        if (fd < 0 || ::bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here) != 0 ||
            ::connect(fd, reinterpret_cast<const sockaddr*>(&there), sizeof there) != 0) {
            throw std::runtime_error(std::string("cannot make a node's socket: ") + std::strerror(errno));
        }
        epoll_event event{EPOLLIN, {}};
        event.data.u64 = nodes_.size();
        ::epoll_ctl(events_, EPOLL_CTL_ADD, fd, &event);
        nodes_.push_back({fd, home_address, {}, {}, {}, 0, false});
    }

    void start(Node& node, std::uint16_t lifetime) {
        node.attempts = 0;
        send(node, lifetime);
        node.first_sent_at = node.sent_at;
        node.waiting = true;
    }

    void send(Node& node, std::uint16_t lifetime, const wire::Bytes& sync = {}) {
        mip::RegistrationRequest request;
        request.header.flags = mip::kColocated | mip::kReverseTunnel;
        request.header.lifetime = lifetime;
        request.header.home_address = node.home_address;
        request.header.home_agent = agent_;
        request.header.care_of = source_;
        const mip::Identification id = mip::timestamp(std::chrono::system_clock::now().time_since_epoch(), 0);
        const bool first = node.sent == mip::Identification{};
        node.sent = first || mip::after(id, node.sent) ? id : mip::Identification{node.sent.value + 1};
        request.header.identification = node.sent;
        request.udp_tunnel = mip::UdpTunnelRequest{true, false, mip::kEncapsulationIp};
        request.multipath = mip::Multipath{4, 1, 1, false, false};
        if (!sync.empty()) {
            mip::append_in_pieces(request.vendor, options_.organization, policy::kSyncVendorType, sync);
        }
        const wire::Bytes bytes = mip::encode(request, authenticator_);
        static_cast<void>(::send(node.socket, bytes.data(), bytes.size(), 0));
        node.sent_at = Clock::now();
        ++node.attempts;
    }

    std::optional<mip::RegistrationReply> decode(wire::ByteView bytes) const {
        const auto framed = mip::frame_reply(bytes);
        const auto* const frame = std::get_if<mip::ReplyFrame>(&framed);
        if (frame == nullptr || !authenticator_.verify(frame->authentication)) {
            return std::nullopt;
        }
        const auto decoded = mip::decode_reply(*frame);
        const auto* const reply = std::get_if<mip::RegistrationReply>(&decoded);
        return reply == nullptr ? std::nullopt : std::optional(*reply);
    }

    using Take = std::function<void(const mip::RegistrationReply&, std::uint32_t organization)>;
    /// Answers to nodes' last transmissions: node and code. With `take`, every answer goes there instead.
    std::vector<std::pair<std::size_t, int>> receive(int milliseconds, const Take& take = nullptr) {
        std::vector<std::pair<std::size_t, int>> answers;
        std::array<epoll_event, 64> ready{};
        const int count = ::epoll_wait(events_, ready.data(), ready.size(), milliseconds);
        std::array<std::uint8_t, 2048> buffer{};
        for (int i = 0; i < count; ++i) {
            const std::size_t index = ready[static_cast<std::size_t>(i)].data.u64;
            Node& node = nodes_[index];
            for (ssize_t size = 0; (size = ::recv(node.socket, buffer.data(), buffer.size(), 0)) >= 0;) {
                const auto reply = decode(wire::ByteView{buffer}.first(static_cast<std::size_t>(size)));
                if (!reply) {
                    continue;
                }
                if (take) {
                    take(*reply, options_.organization);
                } else if (node.waiting && reply->header.identification.low() == node.sent.low()) {
                    node.waiting = false;
                    answers.emplace_back(index, static_cast<int>(reply->header.code));
                }
            }
        }
        return answers;
    }

    Options options_;
    wire::Ipv4Address agent_, source_;
    mip::Authenticator authenticator_;
    int events_;
    std::vector<Node> nodes_;
};

}  // namespace

int main(int argc, char** argv) {
    Options options;
    CLI::App app("Simulated mobile nodes that register, renew and leave.");
    app.add_option("--agent", options.agent)->capture_default_str();
    app.add_option("--source", options.source, "care-of address of all nodes, an address of this machine")->required();
    app.add_option("--home", options.home, "home address of the first node; the others' follow")->capture_default_str();
    app.add_option("--nodes", options.nodes)->capture_default_str();
    app.add_option("--window", options.window, "requests under way at a time")->capture_default_str();
    app.add_option("--renewals", options.renewals)->capture_default_str();
    app.add_option("--lifetime", options.lifetime)->capture_default_str();
    app.add_option("--key", options.key, "hex; SPI 256, HMAC-MD5")->capture_default_str();
    app.add_option("--rules", options.rules, "the first node also brings a policy of so many rules");
    app.add_flag("--stay", options.stay, "do not deregister at the end");
    CLI11_PARSE(app, argc, argv);
    try {
        Load load(options);
        bool good = load.phase("register", options.lifetime);
        for (unsigned i = 0; i < options.renewals; ++i) {
            good = load.phase("renew", options.lifetime) && good;
        }
        if (options.rules != 0) {
            good = load.synchronise(options.rules) && good;
        }
        if (!options.stay) {
            good = load.phase("leave", 0) && good;
        }
        return good ? 0 : 1;
    } catch (const std::exception& error) {
        std::cerr << "mip-load: " << error.what() << '\n';
        return 1;
    }
}
