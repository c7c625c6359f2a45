#include "install.h"

#include <malloc.h>
#include <openssl/sha.h>

#define ASIO_STANDALONE
#include <asio.hpp>
#include <chrono>
#include <filesystem>
#include <stdexcept>
#include <thread>

#include "mailbox/link.h"
#include "policy/generation.h"
#include "publish/publisher.h"

namespace bench {
namespace {

/// The population in ascending order of home addresses.
class Known final : public publish::Source {
  public:
    explicit Known(const Population& population) : population_(population) {}

    ipc::Settings settings() const override { return {.home_agent = kHomeAgent, .tunnel_port = kTunnelPort}; }
    std::vector<ipc::HomeNetwork> home_networks() const override {
        std::vector<ipc::HomeNetwork> networks(Population::kNetworks);
        for (std::uint32_t number = 0; number < Population::kNetworks; ++number) {
            networks[number].network = population_.home_network(number).network.host();
            networks[number].length = population_.home_network(number).length;
        }
        return networks;
    }
    std::vector<ipc::Binding> bindings_after(std::optional<std::uint32_t> after, std::size_t limit) const override {
        const std::uint32_t per_network = population_.nodes() / Population::kNetworks;
        std::uint32_t next = 0;  // in address order
        if (after) {
            const std::uint32_t network = (*after - population_.home_address(0)) >> 22;
            next = network * per_network + (*after - population_.home_address(network)) + 1;
        }
        std::vector<ipc::Binding> bindings;
        for (; next < per_network * Population::kNetworks && bindings.size() < limit; ++next) {
            bindings.push_back(
                population_.binding(next % per_network * Population::kNetworks + next / per_network, policy));
        }
        return bindings;
    }
    std::uint32_t policy = 0;

  private:
    const Population& population_;
};

std::size_t allocated() {
    const struct mallinfo2 info = mallinfo2();
    return info.uordblks + info.hblkhd;
}

}  // namespace

Installation install(const Population& population) {
    const std::filesystem::path socket =
        std::filesystem::temp_directory_path() / ("homeward-bench-" + std::to_string(getpid()) + ".sock");
    asio::io_context control{1}, dataplane{1};
    Known known{population};
    std::chrono::steady_clock::time_point over;
    publish::Publisher publisher{control,
                                 known,
                                 {.connected = [](const ipc::Hello&) {},
                                  .synchronised =
                                      [&] {
                                          over = std::chrono::steady_clock::now();
                                          asio::post(dataplane, [&] { dataplane.stop(); });
                                      },
                                  .lost = [](const std::string&) {},
                                  .refused = [](const std::string& why) { throw std::runtime_error{why}; }}};
    const auto encoded = policy::encode(population.policy());
    known.policy = publisher.acquire_policy(policy::digest(encoded), std::make_shared<const wire::Bytes>(encoded));
    if (const Status listening = publisher.listen(socket); !listening) {
        throw std::runtime_error{listening.error().text};
    }
    const auto keep = asio::make_work_guard(control);
    const std::size_t before = allocated();
    tables::Tables tables{1};
    mailbox::Apply apply{tables};
    const auto idle = asio::make_work_guard(dataplane);
    mailbox::Link link{dataplane,
                       socket,
                       {},
                       apply,
                       {.counters = [] { return mailbox::CounterList{}; },
                        .announce = [](const std::vector<mailbox::Announcement>&) {},
                        .log = [](const std::string&) {}}};
    std::thread publishing{[&] { control.run(); }};
    const auto began = std::chrono::steady_clock::now();
    link.start();
    dataplane.run();
    control.stop();
    publishing.join();
    if (tables.bindings() != population.nodes() / Population::kNetworks * Population::kNetworks) {
        throw std::runtime_error{"not every binding arrived"};
    }
    const std::size_t bytes = allocated() - before + tables.directory().mapped_bytes();
    return {std::chrono::duration<double>(over - began).count(),
            static_cast<double>(bytes) / static_cast<double>(tables.bindings())};
}

}  // namespace bench
