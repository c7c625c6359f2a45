#pragma once

#include <optional>
#include <string>
#include <vector>

#include "config/home_agent.h"
#include "mip/reply.h"
#include "mip/request.h"
#include "registration/home_agent.h"

namespace homeward::registration {

inline wire::Ipv4Address ip(const char* text) {
    return *wire::Ipv4Address::parse(text);
}

inline const wire::Bytes kKey{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

inline config::Node configured_node(const char* nai, const char* home_address) {
    config::Node node;
    node.nai = nai;
    if (*home_address != 0) {
        node.home_address = ip(home_address);
    }
    node.associations.push_back({256, config::Algorithm::hmac_md5, kKey, config::Replay::timestamp});
    return node;
}

/// Home agent 192.0.2.1 for 10.10.0.0/16; nodes a@ex (10.10.0.5), b@ex (10.10.0.6), pool@ex (assigned).
inline config::HomeAgent configuration() {
    config::HomeAgent config;
    config.address = ip("192.0.2.1");
    config.home_networks.push_back(
        {*wire::Ipv4Prefix::parse("10.10.0.0/16"), "home", {{ip("10.10.9.1"), ip("10.10.9.2")}}});
    config.nodes = {configured_node("a@ex", "10.10.0.5"), configured_node("b@ex", "10.10.0.6"),
                    configured_node("pool@ex", "")};
    return config;
}

/// A home agent with a data plane that confirms everything at once, unless told otherwise, and one node's requests.
class HomeLink {
  public:
    explicit HomeLink(const config::HomeAgent& config = configuration())
        : agent(config, [this] { return ++random_; }), authenticator(256, mip::Algorithm::hmac_md5, kKey) {
        now.steady = std::chrono::hours(1);
        now.unix = std::chrono::seconds(1'790'000'000);
    }

    /// An acceptable request of a@ex: F, because no NAT is on the way.
    mip::RegistrationRequest request(std::uint16_t lifetime = 60) {
        mip::RegistrationRequest made;
        made.header.flags = mip::kColocated | mip::kReverseTunnel;
        made.header.lifetime = lifetime;
        made.header.home_address = ip("10.10.0.5");
        made.header.home_agent = ip("192.0.2.1");
        made.header.care_of = source.address;
        made.header.identification = next_identification();
        made.nai = "a@ex";
        made.udp_tunnel = mip::UdpTunnelRequest{true, false, mip::kEncapsulationIp};
        return made;
    }
    mip::RegistrationRequest with_binding(std::uint8_t binding_id, std::uint16_t lifetime = 60) {
        mip::RegistrationRequest made = request(lifetime);
        made.multipath = mip::Multipath{4, binding_id, binding_id, false, false};
        return made;
    }
    mip::Identification next_identification() {
        return mip::timestamp(now.unix + std::chrono::microseconds(++sent_ * 20), 0);
    }

    /// Sends and lets the data plane confirm; the reply, or none.
    std::optional<mip::RegistrationReply> exchange(const mip::RegistrationRequest& request) {
        return exchange(mip::encode(request, authenticator));
    }
    std::optional<mip::RegistrationReply> exchange(const wire::Bytes& bytes, bool to_broadcast = false) {
        raw_reply.clear();
        take(agent.handle({bytes, source, to_broadcast}, now));
        return decoded();
    }
    int code(const mip::RegistrationRequest& request) {
        const auto reply = exchange(request);
        return reply ? static_cast<int>(reply->header.code) : -1;
    }

    void take(Actions actions) {
        for (const Install& install : actions.installs) {
            installs.push_back(install);
        }
        all_replies.insert(all_replies.end(), actions.replies.begin(), actions.replies.end());
        if (!actions.replies.empty()) {
            raw_reply = actions.replies.back().bytes;
        }
        announcements.insert(announcements.end(), actions.announcements.begin(), actions.announcements.end());
        saves += actions.save.size();
        published.insert(published.end(), actions.publish.begin(), actions.publish.end());
        if (confirm) {
            for (const Install& install : actions.installs) {
                take(agent.installed(install.ticket, now));
            }
        }
    }
    std::optional<mip::RegistrationReply> decoded() const {
        const auto framed = mip::frame_reply(raw_reply);
        const auto* frame = std::get_if<mip::ReplyFrame>(&framed);
        if (frame == nullptr || !authenticator.verify(frame->authentication)) {
            return std::nullopt;
        }
        return std::get<mip::RegistrationReply>(mip::decode_reply(*frame));
    }
    void pass(std::chrono::nanoseconds time) {
        now.steady += time;
        now.unix += time;
    }
    std::vector<Binding> bindings(const char* home_address = "10.10.0.5") const {
        const auto node = agent.view(ip(home_address));
        return node ? node->state.bindings : std::vector<Binding>{};
    }
    std::string binding_ids() const {
        std::string text;
        for (const Binding& binding : bindings()) {
            text += (text.empty() ? "" : ",") + std::to_string(binding.binding_id);
        }
        return text;
    }

    Now now;
    Endpoint source{ip("203.0.113.7"), 4000};
    bool confirm = true;
    wire::Bytes raw_reply;
    std::vector<Reply> all_replies;
    std::vector<Install> installs;
    std::vector<Announcement> announcements;
    std::vector<wire::Ipv4Address> published;
    std::size_t saves = 0;

  private:
    std::uint32_t random_ = 1000;
    int sent_ = 0;

  public:
    HomeAgent agent;
    mip::Authenticator authenticator;
};

}  // namespace homeward::registration
