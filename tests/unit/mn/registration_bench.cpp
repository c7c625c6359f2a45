#include "registration_bench.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "mip/keepalive.h"

namespace homeward::mn::registration {
namespace {

constexpr std::array<std::uint8_t, 16> kKey{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

std::uint16_t checksum(const wire::Bytes& bytes, std::size_t from, std::size_t to) {
    std::uint32_t sum = 0;
    for (std::size_t i = from; i < to; i += 2) {
        sum += static_cast<std::uint32_t>(bytes[i] << 8 | bytes[i + 1]);
    }
    sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<std::uint16_t>(~(sum + (sum >> 16)));
}

/// What a home agent makes of an echo request: addresses swapped, type 0.
wire::Bytes echo_reply(const mip::Keepalive& echo) {
    mip::Keepalive back = echo;
    std::swap(back.source, back.destination);
    wire::Bytes packet = mip::encode_echo_request(back);
    packet[20] = 0;
    packet[22] = packet[23] = 0;
    wire::Writer{packet}.patch_u16(22, checksum(packet, 20, packet.size()));
    return packet;
}

}  // namespace

ClientConfig Bench::config(const std::function<void(ClientConfig&)>& adjust) {
    ClientConfig config{.home_address = kHomeAddress, .home_agent = kHomeAgent, .authenticator = authenticator};
    config.random = [this] {  // SplitMix64: the same numbers in every run
        std::uint64_t z = ++draws * 0x9e3779b97f4a7c15U;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
        z = (z ^ z >> 27) * 0x94d049bb133111ebU;
        return z ^ z >> 31;
    };
    if (adjust) {
        adjust(config);
    }
    return config;
}

Bench::Bench(const std::function<void(ClientConfig&)>& adjust)
    : authenticator(256, mip::Algorithm::hmac_sha256, kKey), client(config(adjust)) {}

void Bench::up(Label label, std::uint32_t care_of, std::uint64_t gateway) {
    const std::uint32_t address = care_of != 0 ? care_of : 0xc0a80000U + label;
    client.uplink_up(label, 4, wire::Ipv4Address{address}, gateway, now());
    collect();
}

void Bench::down(Label label) {
    client.uplink_down(label, now());
    collect();
}

void Bench::drain(Label label) {
    client.drain(label, now());
    collect();
}

void Bench::set_policy(const policy::Policy& policy, std::uint32_t version) {
    const policy::Generation generation{version, policy::digest(policy::encode(policy))};
    client.policy_changed(std::make_shared<const policy::Policy>(policy), generation, now());
    collect();
}

void Bench::pass(Duration time) {
    const Duration end = monotonic + time;
    int ticks = 0;
    for (auto due = client.next_deadline(); due && *due <= end; due = client.next_deadline()) {
        monotonic = std::max(monotonic, *due);
        client.tick(now());
        collect();
        ASSERT_LT(++ticks, 100'000) << "the client asks to be called without end";
    }
    monotonic = end;
}

void Bench::collect() {
    for (const Action& action : client.take_actions()) {
        if (const auto* sent = std::get_if<SendRegistration>(&action)) {
            const auto framed = mip::frame_request(sent->datagram);
            ASSERT_TRUE(std::holds_alternative<mip::RequestFrame>(framed));
            const auto& frame = std::get<mip::RequestFrame>(framed);
            ASSERT_TRUE(authenticator.verify(frame.authentication));
            const auto decoded = mip::decode_request(frame);
            ASSERT_TRUE(std::holds_alternative<mip::RegistrationRequest>(decoded));
            const auto& request = std::get<mip::RegistrationRequest>(decoded);
            if (!requests.empty() && !happened(Event::Kind::clock_adjusted)) {
                EXPECT_TRUE(mip::after(request.header.identification, last().request.header.identification));
            }
            requests.push_back({monotonic, sent->label, request, sent->datagram.size()});
        } else if (const auto* keepalive = std::get_if<SendKeepalive>(&action)) {
            const auto echo = mip::decode_echo_request(keepalive->packet);
            ASSERT_TRUE(echo.has_value());
            echoes.push_back({monotonic, keepalive->label, *echo});
        } else if (const auto* changed = std::get_if<BindingChanged>(&action)) {
            changes.push_back(changed->status);
        } else if (const auto* home = std::get_if<HomeAddressAssigned>(&action)) {
            assigned.push_back(home->address);
        } else if (const auto* policy = std::get_if<PolicyOfHomeAgent>(&action)) {
            policies.push_back(*policy);
        } else if (const auto* numbering = std::get_if<NumberingAgreed>(&action)) {
            numberings.push_back(numbering->agreed);
        } else if (const auto* tunnel = std::get_if<TunnelAgreed>(&action)) {
            tunnels.push_back(tunnel->plain);
        } else if (const auto* one = std::get_if<Heard>(&action)) {
            heard.push_back(*one);
        } else {
            events.push_back(std::get<Event>(action));
        }
    }
}

mip::RegistrationReply Bench::reply_to(const SentRequest& sent, mip::ReplyCode code) {
    const mip::RequestHeader& header = sent.request.header;
    mip::RegistrationReply reply;
    reply.header = {.code = code,
                    .lifetime = header.lifetime,
                    .home_address = header.home_address,
                    .home_agent = header.home_agent,
                    .identification = header.identification};
    if (header.lifetime != 0) {
        reply.udp_tunnel = mip::UdpTunnelReply{.forced = true, .keepalive_s = 25};
    }
    return reply;
}

void Bench::answer(const SentRequest& sent, mip::ReplyCode code, const Tweak& tweak) {
    mip::RegistrationReply reply = reply_to(sent, code);
    if (tweak) {
        tweak(reply);
    }
    deliver(sent.via, mip::encode(reply, authenticator), client.home_agent());
}

void Bench::deliver(Label label, const wire::Bytes& datagram, wire::Ipv4Address source) {
    client.datagram(label, datagram, source, now());
    collect();
}

void Bench::answer(const SentEcho& sent) {
    EXPECT_TRUE(client.echo_reply(sent.via, echo_reply(sent.echo), now()));
    collect();
}

void Bench::bind_both() {
    for (const Label label : {kWlan, kCellular}) {
        up(label);
        pass(std::chrono::milliseconds{20});
        answer(SentRequest{last()});
        ASSERT_EQ(state(label), State::bound);
    }
}

BindingStatus Bench::status(Label label) const {
    for (const BindingStatus& status : client.bindings()) {
        if (status.label == label) {
            return status;
        }
    }
    return {};
}

bool Bench::happened(Event::Kind kind) const {
    return std::any_of(events.begin(), events.end(), [kind](const Event& event) { return event.kind == kind; });
}

}  // namespace homeward::mn::registration
