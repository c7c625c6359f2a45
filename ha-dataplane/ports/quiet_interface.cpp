#include "ports/quiet_interface.h"

#include <fmt/format.h>
#include <libmnl/libmnl.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <memory>

namespace homeward::ports {
namespace {

constexpr std::uint32_t kPriority = 49152;  // behind what people number by hand; tc's own numbers start here
constexpr std::uint32_t kHandle = 0x484d;   // "HM"

struct CloseSocket {
    void operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }
};
using Socket = std::unique_ptr<mnl_socket, CloseSocket>;

/// Sends one request and returns the kernel's errno for it (0: done).
int transact(nlmsghdr* request) {
    const Socket socket{mnl_socket_open(NETLINK_ROUTE)};
    if (!socket || mnl_socket_bind(socket.get(), 0, MNL_SOCKET_AUTOPID) < 0) {
        return errno;
    }
    request->nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
    request->nlmsg_seq = 1;
    if (mnl_socket_sendto(socket.get(), request, request->nlmsg_len) < 0) {
        return errno;
    }
    std::array<char, 8192> answer{};
    const ssize_t size = mnl_socket_recvfrom(socket.get(), answer.data(), answer.size());
    if (size < 0) {
        return errno;
    }
    const int verdict = mnl_cb_run(answer.data(), static_cast<std::size_t>(size), 1,
                                   mnl_socket_get_portid(socket.get()), nullptr, nullptr);
    return verdict < 0 ? errno : 0;
}

nlmsghdr* tc_message(char* buffer, std::uint16_t type, unsigned interface, std::uint32_t parent) {
    nlmsghdr* header = mnl_nlmsg_put_header(buffer);
    header->nlmsg_type = type;
    auto* tc = static_cast<tcmsg*>(mnl_nlmsg_put_extra_header(header, sizeof(tcmsg)));
    tc->tcm_family = AF_UNSPEC;
    tc->tcm_ifindex = static_cast<int>(interface);
    tc->tcm_parent = parent;
    return header;
}

int add_clsact(unsigned interface) {
    std::array<char, 1024> buffer{};
    nlmsghdr* request = tc_message(buffer.data(), RTM_NEWQDISC, interface, TC_H_CLSACT);
    request->nlmsg_flags |= NLM_F_CREATE | NLM_F_EXCL;
    static_cast<tcmsg*>(mnl_nlmsg_get_payload(request))->tcm_handle = TC_H_MAKE(TC_H_CLSACT, 0);
    mnl_attr_put_strz(request, TCA_KIND, "clsact");
    const int error = transact(request);
    return error == EEXIST ? 0 : error;  // clsact or ingress, either takes the filter
}

nlmsghdr* filter_message(char* buffer, std::uint16_t type, unsigned interface) {
    nlmsghdr* request = tc_message(buffer, type, interface, TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS));
    auto* tc = static_cast<tcmsg*>(mnl_nlmsg_get_payload(request));
    tc->tcm_handle = kHandle;
    tc->tcm_info = TC_H_MAKE(kPriority << 16, std::uint32_t{__builtin_bswap16(ETH_P_ALL)});
    return request;
}

/// One classic BPF instruction, "return TC_ACT_SHOT": works where neither matchall nor gact are built.
int add_drop_filter(unsigned interface) {
    std::array<char, 1024> buffer{};
    nlmsghdr* request = filter_message(buffer.data(), RTM_NEWTFILTER, interface);
    request->nlmsg_flags |= NLM_F_CREATE;
    mnl_attr_put_strz(request, TCA_KIND, "bpf");
    nlattr* options = mnl_attr_nest_start(request, TCA_OPTIONS);
    const sock_filter drop{BPF_RET | BPF_K, 0, 0, TC_ACT_SHOT};
    mnl_attr_put_u32(request, TCA_BPF_FLAGS, TCA_BPF_FLAG_ACT_DIRECT);
    mnl_attr_put_u16(request, TCA_BPF_OPS_LEN, 1);
    mnl_attr_put(request, TCA_BPF_OPS, sizeof drop, &drop);
    mnl_attr_nest_end(request, options);
    return transact(request);
}

}  // namespace

std::optional<std::string> kernel_interface(const std::string& device) {
    constexpr std::string_view kKey = ",iface=";
    const std::size_t key = device.find(kKey);
    if (key == std::string::npos || !(is_af_packet(device) || device.starts_with("net_af_xdp"))) {
        return std::nullopt;
    }
    const std::size_t start = key + kKey.size();
    return device.substr(start, device.find(',', start) - start);
}

bool is_af_packet(const std::string& device) {
    return device.starts_with("net_af_packet");
}

Status quiet_interface(const std::string& interface) {
    const unsigned index = if_nametoindex(interface.c_str());
    if (index == 0) {
        return Error{fmt::format("no interface {}", interface)};
    }
    unquiet_interface(interface);
    int error = add_clsact(index);
    if (error == 0) {
        error = add_drop_filter(index);
    }
    if (error != 0) {
        return Error{fmt::format(
            "the kernel would answer every packet on {} a second time, and its tc filter against that failed: {}; "
            "use net_af_xdp",
            interface, std::strerror(error))};
    }
    return {};
}

void unquiet_interface(const std::string& interface) noexcept {
    if (const unsigned index = if_nametoindex(interface.c_str()); index != 0) {
        std::array<char, 1024> buffer{};
        nlmsghdr* request = filter_message(buffer.data(), RTM_DELTFILTER, index);
        mnl_attr_put_strz(request, TCA_KIND, "bpf");
        transact(request);
    }
}

}  // namespace homeward::ports
