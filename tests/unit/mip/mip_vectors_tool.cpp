#include <cstdio>
#include <fstream>
#include <iostream>
#include <string>

#include <nlohmann/json.hpp>

#include "mip/tunnel.h"
#include "random_messages.h"
#include "vectors.h"

/// Writes our own messages as a capture, and beside it what they are meant to say as JSON, one object per packet, so
/// that decoders that share no code with ours can be compared with it.
///
///   mip-vectors OUT.pcap OUT.json
namespace homeward::mip::vectors {
namespace {

using nlohmann::json;

class Capture {
  public:
    explicit Capture(const std::string& path) : out_(path, std::ios::binary) {
        constexpr std::uint32_t kHeader[] = {0xa1b2c3d4, 0x00040002, 0, 0, 65535, kRawIpv4};
        write(kHeader, sizeof kHeader);
    }

    void add(wire::ByteView payload) {
        wire::Bytes packet;
        wire::Writer out{packet};
        out.u16(0x4500);
        out.u16(static_cast<std::uint16_t>(28 + payload.size()));
        out.u32(0);
        out.u16(0x4011);  // TTL 64, UDP
        out.u16(0);
        out.u32(0xc0a80132);
        out.u32(0xc0000201);
        std::uint32_t sum = 0;
        for (std::size_t i = 0; i < packet.size(); i += 2) {
            sum += static_cast<std::uint32_t>(packet[i] << 8 | packet[i + 1]);
        }
        out.patch_u16(10, static_cast<std::uint16_t>(~(sum + (sum >> 16))));
        out.u16(40000);
        out.u16(kPort);
        out.u16(static_cast<std::uint16_t>(8 + payload.size()));
        out.u16(0);
        out.bytes(payload);
        const std::uint32_t record[] = {++second_, 0, static_cast<std::uint32_t>(packet.size()),
                                        static_cast<std::uint32_t>(packet.size())};
        write(record, sizeof record);
        write(packet.data(), packet.size());
    }

  private:
    static constexpr std::uint32_t kRawIpv4 = 228;

    void write(const void* bytes, std::size_t size) {
        out_.write(static_cast<const char*>(bytes), static_cast<std::streamsize>(size));
    }

    std::ofstream out_;
    std::uint32_t second_ = 0;
};

template <class T>
json number_range(const std::optional<Range<T>>& range) {
    if (!range) {
        return nullptr;
    }
    if constexpr (std::is_same_v<T, wire::Ipv4Address>) {
        return {range->first.host(), range->last.host()};
    } else {
        return {range->first, range->last};
    }
}

json described(const TrafficSelector& selector) {
    return {{"source", number_range(selector.source)},
            {"destination", number_range(selector.destination)},
            {"spi", number_range(selector.spi)},
            {"source_port", number_range(selector.source_port)},
            {"destination_port", number_range(selector.destination_port)},
            {"dscp", number_range(selector.dscp)},
            {"protocol", number_range(selector.protocol)}};
}

json described(const FlowBinding& binding) {
    return {{"action", static_cast<int>(binding.action)},
            {"binding_ids", binding.binding_ids},
            {"selector", described(binding.selector)}};
}

json described(const std::vector<VendorExtension>& extensions) {
    json list = json::array();
    for (const VendorExtension& extension : extensions) {
        list.push_back({{"organization", extension.organization},
                        {"type", extension.type},
                        {"payload", to_hex(extension.payload)}});
    }
    return list;
}

json described(const std::optional<std::string>& nai) {
    return nai ? json(to_hex({reinterpret_cast<const std::uint8_t*>(nai->data()), nai->size()})) : json(nullptr);
}

json described(const std::optional<RevocationSupport>& support) {
    return support ? json{{"inform", support->inform}, {"timestamp", support->timestamp}} : json(nullptr);
}

json described(const RegistrationRequest& request, const Authenticator& authenticator) {
    const RequestHeader& header = request.header;
    json result{{"type", 1},
                {"flags", header.flags},
                {"lifetime", header.lifetime},
                {"home_address", header.home_address.to_string()},
                {"home_agent", header.home_agent.to_string()},
                {"care_of", header.care_of.to_string()},
                {"identification", std::to_string(header.identification.value)},
                {"nai", described(request.nai)},
                {"udp_tunnel", nullptr},
                {"revocation", described(request.revocation)},
                {"multipath", nullptr},
                {"flow_bindings", json::array()},
                {"vendor", described(request.vendor)},
                {"spi", authenticator.spi()}};
    if (request.udp_tunnel) {
        result["udp_tunnel"] = {{"forced", request.udp_tunnel->forced},
                                {"through_foreign_agent", request.udp_tunnel->through_foreign_agent},
                                {"encapsulation", request.udp_tunnel->encapsulation}};
    }
    if (request.multipath) {
        result["multipath"] = {{"technology", request.multipath->technology},
                               {"label", request.multipath->label},
                               {"binding_id", request.multipath->binding_id},
                               {"bulk", request.multipath->bulk},
                               {"overwrite", request.multipath->overwrite}};
    }
    for (const FlowBinding& binding : request.flow_bindings) {
        result["flow_bindings"].push_back(described(binding));
    }
    return result;
}

json described(const RegistrationReply& reply, const Authenticator& authenticator) {
    const ReplyHeader& header = reply.header;
    json result{{"type", 3},
                {"code", static_cast<int>(header.code)},
                {"lifetime", header.lifetime},
                {"home_address", header.home_address.to_string()},
                {"home_agent", header.home_agent.to_string()},
                {"identification", std::to_string(header.identification.value)},
                {"nai", described(reply.nai)},
                {"udp_tunnel", nullptr},
                {"revocation", described(reply.revocation)},
                {"vendor", described(reply.vendor)},
                {"spi", authenticator.spi()}};
    if (reply.udp_tunnel) {
        result["udp_tunnel"] = {{"code", reply.udp_tunnel->code},
                                {"forced", reply.udp_tunnel->forced},
                                {"keepalive", reply.udp_tunnel->keepalive_s}};
    }
    return result;
}

int run(const std::string& capture_path, const std::string& json_path) {
    constexpr int kOfEachKind = 60;
    Capture capture{capture_path};
    json packets = json::array();
    const auto add = [&](wire::ByteView payload, json description) {
        description["payload"] = to_hex(payload);
        capture.add(payload);
        packets.push_back(std::move(description));
    };
    const auto add_request = [&](const RegistrationRequest& request, const Authenticator& authenticator) {
        add(encode(request, authenticator), described(request, authenticator));
    };
    Random random{7};
    add_request(request_md5(), md5());
    add_request(request_sha256(), sha256());
    add_request(request_multipath(), md5());
    add(encode(reply_md5(), md5()), described(reply_md5(), md5()));
    for (int i = 0; i < kOfEachKind; ++i) {
        add_request(random_request(random), i % 2 == 0 ? md5() : sha256());
        const RegistrationReply reply = random_reply(random);
        add(encode(reply, sha256()), described(reply, sha256()));
    }
    Keepalive echo = keepalive();
    for (int i = 0; i < kOfEachKind; ++i) {
        echo.nonce += 0x0101010101010101U;
        ++echo.sequence;
        wire::Bytes payload(kTunnelHeader.begin(), kTunnelHeader.end());
        const wire::Bytes packet = encode_echo_request(echo);
        payload.insert(payload.end(), packet.begin(), packet.end());
        add(payload, {{"type", 4},
                      {"source", echo.source.to_string()},
                      {"destination", echo.destination.to_string()},
                      {"packet_id", echo.packet_id},
                      {"identifier", echo.identifier},
                      {"sequence", echo.sequence},
                      {"nonce", std::to_string(echo.nonce)}});
    }
    std::ofstream(json_path) << packets.dump(1) << '\n';
    return 0;
}

}  // namespace
}  // namespace homeward::mip::vectors

int main(int argc, char** argv) {
    if (argc != 3) {
        std::cerr << "usage: mip-vectors OUT.pcap OUT.json\n";
        return 2;
    }
    return homeward::mip::vectors::run(argv[1], argv[2]);
}
