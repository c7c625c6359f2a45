#include "random_messages.h"

#include <algorithm>

namespace homeward::mip::vectors {
namespace {

std::uint32_t below(Random& random, std::uint32_t limit) {
    return std::uniform_int_distribution<std::uint32_t>{0, limit - 1}(random);
}

bool coin(Random& random) {
    return below(random, 2) == 0;
}

std::uint32_t u32(Random& random) {
    return static_cast<std::uint32_t>(random());
}

wire::Ipv4Address address(Random& random) {
    return wire::Ipv4Address{u32(random)};
}

template <class T>
std::optional<Range<T>> maybe_range(Random& random, std::uint32_t limit) {
    if (coin(random)) {
        return std::nullopt;
    }
    const auto draw = [&] { return static_cast<T>(limit == 0 ? u32(random) : below(random, limit)); };
    const T a = draw();
    const T b = coin(random) ? a : draw();
    return Range<T>{std::min(a, b), std::max(a, b)};
}

std::optional<Range<wire::Ipv4Address>> maybe_addresses(Random& random) {
    const auto numbers = maybe_range<std::uint32_t>(random, 0);
    if (!numbers) {
        return std::nullopt;
    }
    return Range<wire::Ipv4Address>{wire::Ipv4Address{numbers->first}, wire::Ipv4Address{numbers->last}};
}

std::string random_nai(Random& random) {
    std::string nai(1 + below(random, 255), ' ');
    std::generate(nai.begin(), nai.end(), [&] { return static_cast<char>(below(random, 256)); });
    return nai;
}

std::vector<VendorExtension> random_vendor(Random& random) {
    std::vector<VendorExtension> extensions(below(random, 3));
    for (VendorExtension& extension : extensions) {
        extension.organization = below(random, 1 << 24);
        extension.type = static_cast<std::uint16_t>(below(random, 65536));
        extension.payload.resize(below(random, VendorExtension::kMaxPayload + 1));
        std::generate(extension.payload.begin(), extension.payload.end(),
                      [&] { return static_cast<std::uint8_t>(below(random, 256)); });
    }
    return extensions;
}

std::uint8_t binding_id(Random& random) {
    return static_cast<std::uint8_t>(1 + below(random, 254));
}

FlowBinding random_flow_binding(Random& random) {
    FlowBinding binding;
    binding.action = coin(random) ? FlowBinding::Action::drop : FlowBinding::Action::forward;
    if (binding.action == FlowBinding::Action::forward) {
        binding.binding_ids.resize(1 + below(random, FlowBinding::kMaxBindingIds));
        std::generate(binding.binding_ids.begin(), binding.binding_ids.end(), [&] { return binding_id(random); });
    }
    binding.selector = random_selector(random);
    return binding;
}

}  // namespace

TrafficSelector random_selector(Random& random) {
    TrafficSelector selector;
    selector.source = maybe_addresses(random);
    selector.destination = maybe_addresses(random);
    selector.spi = maybe_range<std::uint32_t>(random, 0);
    selector.source_port = maybe_range<std::uint16_t>(random, 65536);
    selector.destination_port = maybe_range<std::uint16_t>(random, 65536);
    selector.dscp = maybe_range<std::uint8_t>(random, 64);
    selector.protocol = maybe_range<std::uint8_t>(random, 256);
    return selector;
}

RegistrationRequest random_request(Random& random) {
    constexpr std::uint8_t kFlags[] = {kSimultaneous, kBroadcast, kMinimal, kGre, kReverseTunnel};
    RegistrationRequest request;
    request.header.flags = kColocated;
    for (const std::uint8_t flag : kFlags) {
        request.header.flags = static_cast<std::uint8_t>(request.header.flags | (coin(random) ? flag : 0));
    }
    request.header.lifetime = static_cast<std::uint16_t>(1 + below(random, 65535));
    request.header.home_address = address(random);
    request.header.home_agent = address(random);
    request.header.care_of = address(random);
    request.header.identification = Identification::of(u32(random), u32(random));
    if (coin(random)) {
        request.nai = random_nai(random);
    }
    if (coin(random)) {
        request.udp_tunnel =
            UdpTunnelRequest{coin(random), coin(random), static_cast<std::uint8_t>(below(random, 256))};
    }
    if (coin(random)) {
        request.revocation = RevocationSupport{coin(random), u32(random)};
    }
    if (coin(random)) {
        const std::uint32_t mode = below(random, 3);
        request.multipath = Multipath{.technology = static_cast<std::uint8_t>(below(random, 256)),
                                      .label = static_cast<std::uint8_t>(1 + below(random, 255)),
                                      .binding_id = binding_id(random),
                                      .bulk = mode == 1,
                                      .overwrite = mode == 2};
    }
    request.flow_bindings.resize(below(random, 5));
    std::generate(request.flow_bindings.begin(), request.flow_bindings.end(),
                  [&] { return random_flow_binding(random); });
    request.vendor = random_vendor(random);
    return request;
}

RegistrationReply random_reply(Random& random) {
    RegistrationReply reply;
    reply.header.code = static_cast<ReplyCode>(below(random, 256));
    reply.header.lifetime = static_cast<std::uint16_t>(below(random, 65536));
    reply.header.home_address = address(random);
    reply.header.home_agent = address(random);
    reply.header.identification = Identification::of(u32(random), u32(random));
    if (coin(random)) {
        reply.nai = random_nai(random);
    }
    if (coin(random)) {
        reply.udp_tunnel = UdpTunnelReply{static_cast<std::uint8_t>(below(random, 256)), coin(random),
                                          static_cast<std::uint16_t>(below(random, 65536))};
    }
    if (coin(random)) {
        reply.revocation = RevocationSupport{coin(random), u32(random)};
    }
    reply.vendor = random_vendor(random);
    return reply;
}

}  // namespace homeward::mip::vectors
