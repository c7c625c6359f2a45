#include "probe_echoes.h"

#include <utility>

#include "mip/tunnel.h"
#include "policy/rule.h"
#include "random.h"

namespace homeward::mn {

wire::Bytes ProbeEchoes::request(unsigned slot, std::uint32_t number, wire::Ipv4Address home,
                                 wire::Ipv4Address home_agent) {
    static_assert(kSlots >= policy::kMaxUplinks);
    if (!identifier_) {
        identifier_ = static_cast<std::uint16_t>(random_number());
    }
    Sent& sent = sent_[slot][number % kKept];
    sent.number = number;
    sent.open = true;
    sent.echo = {.source = home,
                 .destination = home_agent,
                 .packet_id = static_cast<std::uint16_t>(number),
                 .identifier = *identifier_,
                 .sequence = static_cast<std::uint16_t>(number),
                 .nonce = random_number()};
    return mip::encode_echo_request(sent.echo);
}

std::optional<std::uint32_t> ProbeEchoes::answer(unsigned slot, wire::ByteView inner_packet) {
    const auto echo = mip::decode_echo_reply(inner_packet);
    if (!echo || echo->identifier != identifier_) {
        return std::nullopt;
    }
    Sent& sent = sent_[slot][echo->sequence % kKept];
    if (!sent.open || echo->source != sent.echo.destination || echo->destination != sent.echo.source ||
        echo->sequence != sent.echo.sequence || echo->nonce != sent.echo.nonce) {
        return std::nullopt;
    }
    sent.open = false;
    return sent.number;
}

}  // namespace homeward::mn
