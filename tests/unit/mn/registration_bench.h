#pragma once

#include <functional>
#include <string>
#include <variant>
#include <vector>

#include "mip/keepalive.h"
#include "mip/reply.h"
#include "mip/request.h"
#include "registration/client.h"

/// A client on a bench: time goes where the test says, everything it sends is decoded by the home agent's side of
/// control/mip, and the test answers what it likes.
namespace homeward::mn::registration {

inline constexpr Label kWlan = 1;
inline constexpr Label kCellular = 2;
inline constexpr wire::Ipv4Address kHomeAddress{0x0a0a0005U};
inline constexpr wire::Ipv4Address kHomeAgent{0xc0000201U};

struct SentRequest {
    Duration at{};
    Label via = 0;
    mip::RegistrationRequest request;
    std::size_t bytes = 0;
};

struct SentEcho {
    Duration at{};
    Label via = 0;
    mip::Keepalive echo;
};

class Bench {
  public:
    explicit Bench(const std::function<void(ClientConfig&)>& adjust = {});

    Now now() const { return {monotonic, std::chrono::seconds{1'700'000'000} + monotonic + clock_error}; }
    void up(Label label, std::uint32_t care_of = 0, std::uint64_t gateway = 1);
    void down(Label label);
    void drain(Label label);
    void set_policy(const policy::Policy& policy, std::uint32_t version);
    /// Lets time pass, serving every deadline on its way.
    void pass(Duration time);
    void collect();

    using Tweak = std::function<void(mip::RegistrationReply&)>;
    static mip::RegistrationReply reply_to(const SentRequest& sent, mip::ReplyCode code = mip::ReplyCode::accepted);
    void answer(const SentRequest& sent, mip::ReplyCode code = mip::ReplyCode::accepted, const Tweak& tweak = {});
    void deliver(Label label, const wire::Bytes& datagram, wire::Ipv4Address source = kHomeAgent);
    void answer(const SentEcho& sent);
    /// Both uplinks bound.
    void bind_both();

    const SentRequest& last() const { return requests.back(); }
    BindingStatus status(Label label) const;
    State state(Label label) const { return status(label).state; }
    bool happened(Event::Kind kind) const;

    Duration monotonic = std::chrono::seconds{1000};
    Duration clock_error{};
    std::uint64_t draws = 0;
    mip::Authenticator authenticator;
    Client client;
    std::vector<SentRequest> requests;
    std::vector<SentEcho> echoes;
    std::vector<BindingStatus> changes;
    std::vector<Event> events;
    std::vector<PolicyOfHomeAgent> policies;
    std::vector<bool> numberings;
    std::vector<bool> tunnels;  ///< TunnelAgreed::plain
    std::vector<Heard> heard;
    std::vector<wire::Ipv4Address> assigned;

  private:
    ClientConfig config(const std::function<void(ClientConfig&)>& adjust);
};

}  // namespace homeward::mn::registration
