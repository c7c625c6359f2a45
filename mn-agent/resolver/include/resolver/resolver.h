#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "result/result.h"
#include "wire/ipv4.h"

namespace homeward::resolver {

/// Has the node's names resolved by servers inside the tunnel.
///
///     systemd-resolved answers for /etc/resolv.conf    it is told, for the tunnel's interface: these servers, for all
///                                                      names (`~.`). It forgets them with the interface.
///     anything else                                    ResolvConf
class Resolver {
  public:
    explicit Resolver(std::string tunnel_interface, std::filesystem::path file = "/etc/resolv.conf")
        : interface_(std::move(tunnel_interface)), file_(std::move(file)) {}

    /// The interface must be up. May take seconds where systemd-resolved does not answer.
    Status use(const std::vector<wire::Ipv4Address>& servers) const;
    /// Puts back what this or a killed run changed. True: something was.
    bool restore() const;

  private:
    bool resolved_answers() const;
    Status tell_resolved(const std::vector<wire::Ipv4Address>& servers) const;

    std::string interface_;
    std::filesystem::path file_;
};

}  // namespace homeward::resolver
