#include "random_frames.h"

#include <algorithm>
#include <iterator>
#include <string>

#include "lab.h"

namespace lab {

unsigned below(Random& random, unsigned bound) {
    return static_cast<unsigned>(random() % bound);
}

namespace {

Address any_of(Random& random, std::initializer_list<Address> addresses) {
    return addresses.begin()[below(random, static_cast<unsigned>(addresses.size()))];
}

Stack payload(Random& random, Address from, Address to) {
    const std::string data(below(random, 8) == 0 ? 1400 + below(random, 90) : below(random, 60), 'x');
    Ip ip{.src = from, .dst = to};
    ip.tos = below(random, 3) == 0 ? static_cast<std::uint8_t>(random()) : std::uint8_t{0};
    ip.ttl = static_cast<std::uint8_t>(below(random, 6) == 0 ? below(random, 3) : 64);
    switch (below(random, 6)) {
        case 0:
            return ip / Tcp{.src = 443, .dst = 5000} / Raw{data};
        case 1:
            return ip / Tcp{.src = 80, .dst = 5000, .flags = 2} / Raw{data};
        case 2:
            return ip / Icmp{.type = 8} / Raw{data};
        case 3:
            return ip / Udp{.src = static_cast<std::uint16_t>(below(random, 3) == 0 ? 434 : 4000), .dst = 434} /
                   Raw{data};
        default:
            return ip / Udp{.src = 53, .dst = 6000} / Raw{data};
    }
}

}  // namespace

std::tuple<std::uint16_t, Bytes> frame(Random& random) {
    if (below(random, 2) == 0) {
        const Address from = any_of(random, {kPeer, kPeer, kFar, kHomeAgent, kHomeOwn, kNode2, "127.0.0.1"});
        const Address to = any_of(random, {kNode, kNode, kNode2, "158.132.10.14", kFar});
        return {kHome, on_home_link(payload(random, from, to)).bytes()};
    }
    const Address home = any_of(random, {kNode, kNode, kNode2, kFar});
    const Address to = any_of(random, {kPeer, kPeer, kFar, kNode2, kHomeAgent, "224.0.0.5", "158.132.10.255"});
    const bool wlan = below(random, 2) == 0;
    return {kAccess, uplink(payload(random, home, to), wlan ? kWlan : kCellular, wlan ? kWlanPort : kCellularPort,
                            static_cast<std::uint8_t>(below(random, 5)))
                         .bytes()};
}

std::tuple<std::uint16_t, Bytes> plain_frame(Random& random) {
    const bool down = below(random, 2) == 0;
    const Address other = below(random, 16) == 0 ? kPeer : kFar;  // on the link, or by a gateway
    const bool second = below(random, 8) == 0;
    const Address home = second ? kNode2 : kNode;
    Ip ip{.src = down ? other : home, .dst = down ? home : other};
    ip.ttl = static_cast<std::uint8_t>(below(random, 24) == 0 ? 1 : 2 + below(random, 200));
    ip.tos = static_cast<std::uint8_t>(below(random, 2) == 0 ? random() : 0);
    ip.id = static_cast<std::uint16_t>(random());  // and so the checksum is any
    const Stack data{Raw{std::string(below(random, 60), 'x')}};
    const Stack packet = below(random, 4) == 0 ? ip / Tcp{.src = 443, .dst = 5000, .flags = 0x10} / data
                                               : ip / Udp{.src = 53, .dst = 6000} / data;
    return down ? std::tuple{kHome, on_home_link(packet).bytes()}
                : std::tuple{kAccess, second ? uplink(packet, kWlan2, kWlan2Port).bytes()
                                             : uplink(packet, kWlan, kWlanPort).bytes()};
}

void mend(Bytes& bytes, std::size_t ip) {
    bytes[ip + 10] = bytes[ip + 11] = 0;
    const std::uint16_t sum = harness::internet_checksum(&bytes[ip], 20);
    bytes[ip + 10] = static_cast<std::uint8_t>(sum >> 8);
    bytes[ip + 11] = static_cast<std::uint8_t>(sum);
}

void spoil(Random& random, Bytes& bytes, unsigned most) {
    for (unsigned changes = below(random, most + 1); changes != 0; --changes) {
        if (below(random, 8) == 0) {
            bytes.resize(below(random, 2) == 0 ? below(random, static_cast<unsigned>(bytes.size()) + 1)
                                               : bytes.size() + below(random, 20));
        } else if (bytes.size() > 20) {
            const unsigned at = below(random, std::min<unsigned>(90, static_cast<unsigned>(bytes.size())));
            bytes[at] = static_cast<std::uint8_t>(random());
            // A checksum that is wrong hides every other mistake from the stages behind it: often, mend it.
            if (at >= 14 && at < 34 && below(random, 4) != 0) {
                mend(bytes, 14);
            }
        }
    }
}

}  // namespace lab
