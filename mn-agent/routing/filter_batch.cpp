#include "filter_batch.h"

#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <net/if.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "netlink/socket.h"
#include "wire/byte_order.h"

namespace homeward::routing {
namespace {

constexpr std::uint16_t message_type(std::uint16_t type) {
    return static_cast<std::uint16_t>(NFNL_SUBSYS_NFTABLES << 8U | type);
}

/// nf_tables has its numbers in network byte order.
void put_number(netlink::Message& message, std::uint16_t attribute, std::uint32_t value) {
    message.put(attribute, wire::be32{value}.raw());
}

void put_family(netlink::Message& message) {
    auto& header = message.extra<nfgenmsg>();
    header.nfgen_family = NFPROTO_INET;
    header.version = NFNETLINK_V0;
}

}  // namespace

FilterRule::FilterRule(const std::string& table, const std::string& chain)
    : message_(message_type(NFT_MSG_NEWRULE), NLM_F_CREATE | NLM_F_APPEND) {
    put_family(message_);
    message_.put(NFTA_RULE_TABLE, table);
    message_.put(NFTA_RULE_CHAIN, chain);
    expressions_ = message_.nest(NFTA_RULE_EXPRESSIONS);
}

template <class Fill>
FilterRule& FilterRule::expression(std::string_view name, Fill fill) {
    nlattr* element = message_.nest(NFTA_LIST_ELEM);
    message_.put(NFTA_EXPR_NAME, std::string(name));
    nlattr* data = message_.nest(NFTA_EXPR_DATA);
    fill();
    message_.end(data);
    message_.end(element);
    return *this;
}

void FilterRule::put_data(std::uint16_t attribute, const void* value, std::size_t size) {
    nlattr* data = message_.nest(attribute);
    message_.put_bytes(NFTA_DATA_VALUE, value, size);
    message_.end(data);
}

FilterRule& FilterRule::meta(std::uint32_t key) {
    return expression("meta", [&] {
        put_number(message_, NFTA_META_KEY, key);
        put_number(message_, NFTA_META_DREG, NFT_REG_1);
    });
}

FilterRule& FilterRule::load(std::uint32_t base, std::uint32_t offset, std::uint32_t length) {
    return expression("payload", [&] {
        put_number(message_, NFTA_PAYLOAD_DREG, NFT_REG_1);
        put_number(message_, NFTA_PAYLOAD_BASE, base);
        put_number(message_, NFTA_PAYLOAD_OFFSET, offset);
        put_number(message_, NFTA_PAYLOAD_LEN, length);
    });
}

FilterRule& FilterRule::mask(const void* bits, std::size_t size) {
    return expression("bitwise", [&] {
        constexpr std::array<std::uint8_t, 4> kNothing{};
        put_number(message_, NFTA_BITWISE_SREG, NFT_REG_1);
        put_number(message_, NFTA_BITWISE_DREG, NFT_REG_1);
        put_number(message_, NFTA_BITWISE_LEN, static_cast<std::uint32_t>(size));
        put_data(NFTA_BITWISE_MASK, bits, size);
        put_data(NFTA_BITWISE_XOR, kNothing.data(), size);
    });
}

FilterRule& FilterRule::equals(const void* value, std::size_t size) {
    return expression("cmp", [&] {
        put_number(message_, NFTA_CMP_SREG, NFT_REG_1);
        put_number(message_, NFTA_CMP_OP, NFT_CMP_EQ);
        put_data(NFTA_CMP_DATA, value, size);
    });
}

FilterRule& FilterRule::interface_is(std::uint32_t key, const std::string& interface) {
    std::array<char, IFNAMSIZ> name{};
    std::copy_n(interface.begin(), std::min<std::size_t>(interface.size(), IFNAMSIZ - 1), name.begin());
    return meta(key).equals(name.data(), name.size());
}

FilterRule& FilterRule::out_by(const std::string& interface) {
    return interface_is(NFT_META_OIFNAME, interface);
}
FilterRule& FilterRule::in_by(const std::string& interface) {
    return interface_is(NFT_META_IIFNAME, interface);
}

FilterRule& FilterRule::family(std::uint8_t nfproto) {
    return meta(NFT_META_NFPROTO).equals(&nfproto, sizeof nfproto);
}

FilterRule& FilterRule::to(const wire::Ipv4Prefix& prefix) {
    constexpr std::uint32_t kDestination = 16;
    const std::uint32_t bits = wire::be32{prefix.length == 0 ? 0 : ~0U << (32U - prefix.length)}.raw();
    const std::uint32_t network = prefix.network.wire().raw();
    return family(NFPROTO_IPV4)
        .load(NFT_PAYLOAD_NETWORK_HEADER, kDestination, sizeof network)
        .mask(&bits, sizeof bits)
        .equals(&network, sizeof network);
}

FilterRule& FilterRule::to_ipv6(std::uint16_t first_bits, std::uint16_t mask_bits) {
    constexpr std::uint32_t kDestination = 24;
    const std::uint16_t wanted = wire::be16{first_bits}.raw();
    const std::uint16_t bits = wire::be16{mask_bits}.raw();
    return family(NFPROTO_IPV6)
        .load(NFT_PAYLOAD_NETWORK_HEADER, kDestination, sizeof wanted)
        .mask(&bits, sizeof bits)
        .equals(&wanted, sizeof wanted);
}

FilterRule& FilterRule::protocol(std::uint8_t number) {
    return meta(NFT_META_L4PROTO).equals(&number, sizeof number);
}

FilterRule& FilterRule::port(std::uint32_t offset, std::uint16_t value) {
    const std::uint16_t wanted = wire::be16{value}.raw();
    return load(NFT_PAYLOAD_TRANSPORT_HEADER, offset, sizeof wanted).equals(&wanted, sizeof wanted);
}
FilterRule& FilterRule::from_port(std::uint16_t value) {
    return port(0, value);
}
FilterRule& FilterRule::to_port(std::uint16_t value) {
    return port(sizeof value, value);
}

netlink::Message& FilterRule::accept() {
    return expression("immediate",
                      [&] {
                          put_number(message_, NFTA_IMMEDIATE_DREG, NFT_REG_VERDICT);
                          nlattr* data = message_.nest(NFTA_IMMEDIATE_DATA);
                          nlattr* verdict = message_.nest(NFTA_DATA_VERDICT);
                          put_number(message_, NFTA_VERDICT_CODE, NF_ACCEPT);
                          message_.end(verdict);
                          message_.end(data);
                      })
        .finish();
}

netlink::Message& FilterRule::reject() {
    return expression("reject",
                      [&] {
                          put_number(message_, NFTA_REJECT_TYPE, NFT_REJECT_ICMPX_UNREACH);
                          message_.put_u8(NFTA_REJECT_ICMP_CODE, NFT_REJECT_ICMPX_ADMIN_PROHIBITED);
                      })
        .finish();
}

netlink::Message& FilterRule::finish() {
    message_.end(expressions_);
    return message_;
}

FilterBatch::FilterBatch() {
    mark(NFNL_MSG_BATCH_BEGIN);
}

void FilterBatch::mark(std::uint16_t type) {
    netlink::Message message(type, 0);
    message.extra<nfgenmsg>().res_id = wire::be16{NFNL_SUBSYS_NFTABLES}.raw();
    message.header()->nlmsg_seq = ++sequence_;
    const auto* first = reinterpret_cast<const char*>(message.header());
    bytes_.insert(bytes_.end(), first, first + message.header()->nlmsg_len);
}

void FilterBatch::add(netlink::Message& message) {
    message.header()->nlmsg_seq = ++sequence_;
    message.header()->nlmsg_flags |= NLM_F_ACK;
    const auto* first = reinterpret_cast<const char*>(message.header());
    bytes_.insert(bytes_.end(), first, first + message.header()->nlmsg_len);
}

void FilterBatch::add_table(const std::string& table) {
    netlink::Message message(message_type(NFT_MSG_NEWTABLE), NLM_F_CREATE);
    put_family(message);
    message.put(NFTA_TABLE_NAME, table);
    add(message);
}

void FilterBatch::remove_table(const std::string& table) {
    netlink::Message message(message_type(NFT_MSG_DELTABLE), 0);
    put_family(message);
    message.put(NFTA_TABLE_NAME, table);
    add(message);
}

void FilterBatch::add_chain(const std::string& table, const std::string& chain, std::uint32_t hook) {
    netlink::Message message(message_type(NFT_MSG_NEWCHAIN), NLM_F_CREATE);
    put_family(message);
    message.put(NFTA_CHAIN_TABLE, table);
    message.put(NFTA_CHAIN_NAME, chain);
    nlattr* place = message.nest(NFTA_CHAIN_HOOK);
    put_number(message, NFTA_HOOK_HOOKNUM, hook);
    put_number(message, NFTA_HOOK_PRIORITY, 0);
    message.end(place);
    put_number(message, NFTA_CHAIN_POLICY, NF_DROP);
    message.put(NFTA_CHAIN_TYPE, std::string("filter"));
    add(message);
}

int FilterBatch::commit() {
    mark(NFNL_MSG_BATCH_END);
    Result<UniqueFd> socket = netlink::open_netlink(NETLINK_NETFILTER, 0, SOCK_NONBLOCK);
    if (!socket) {
        return EPROTONOSUPPORT;
    }
    // One message, and each change is acknowledged: the default buffers hold some hundred.
    constexpr int kBuffer = 64 << 20;
    ::setsockopt(socket->get(), SOL_SOCKET, SO_SNDBUFFORCE, &kBuffer, sizeof kBuffer);
    ::setsockopt(socket->get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBuffer, sizeof kBuffer);
    if (::send(socket->get(), bytes_.data(), bytes_.size(), 0) < 0) {
        return errno;
    }
    // The kernel has answered everything before `send` returned.
    bool answered = false;
    int fault = 0;
    while (netlink::receive(socket->get(), [&](const nlmsghdr& message) {
               const auto* error = netlink::header_of<nlmsgerr>(message);
               if (message.nlmsg_type == NLMSG_ERROR && error != nullptr) {
                   answered = true;
                   fault = fault == 0 ? -error->error : fault;
               }
           }) >= 0) {
    }
    return answered ? fault : EPROTO;
}

}  // namespace homeward::routing
