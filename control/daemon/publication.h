#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "config/home_agent.h"
#include "ipc/messages.h"
#include "publish/publisher.h"
#include "registration/home_agent.h"

namespace homeward::daemon {

/// Tells the data plane what registration decided: turns nodes into its records and keeps account of which node holds
/// which policy number.
class Publication : public publish::Source {
  public:
    explicit Publication(const registration::HomeAgent& agent) : agent_(agent) {}
    /// Before anything else; two halves, for the publisher reads from this.
    void attach(publish::Publisher& publisher) { publisher_ = &publisher; }

    using Done = std::function<void(bool applied)>;
    /// Asks for a state that is not in force yet.
    void install(const registration::Install& install, Done done);
    /// The state that was asked for is in force: the numbers of the one before are free.
    void settle(std::uint64_t ticket);
    /// Nobody waits any more. `publish` must follow for the node.
    void abandon(std::uint64_t ticket);
    /// Sends the state in force.
    void publish(wire::Ipv4Address home_address);
    void announce(const registration::Announcement& announcement, const std::array<std::uint8_t, 6>& mac);
    void change_home_networks(const config::HomeAgent& before, const config::HomeAgent& after);

    ipc::Settings settings() const override;
    std::vector<ipc::HomeNetwork> home_networks() const override;
    std::vector<ipc::Binding> bindings_after(std::optional<std::uint32_t> after, std::size_t limit) const override;

  private:
    struct Asked {
        wire::Ipv4Address home_address;
        std::uint32_t policy = 0;
        std::uint64_t publisher_ticket = 0;
    };
    std::uint32_t acquire(const registration::NodeBindings& state, const registration::PolicyRef& policy);
    void release(std::uint32_t policy);
    void hold(wire::Ipv4Address home_address, std::uint32_t policy);

    const registration::HomeAgent& agent_;
    publish::Publisher* publisher_ = nullptr;
    std::unordered_map<wire::Ipv4Address, std::uint32_t> policy_of_;  ///< in force; absent: 0
    std::unordered_map<std::uint64_t, Asked> asked_;
};

}  // namespace homeward::daemon
