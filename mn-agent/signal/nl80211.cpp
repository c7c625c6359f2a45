#include <linux/genetlink.h>
#include <linux/nl80211.h>

#include <cstring>
#include <utility>

#include "netlink/attribute.h"
#include "netlink/message.h"
#include "netlink/socket.h"
#include "signal/source.h"
#include "station.h"

namespace homeward::signal {
namespace {

class Nl80211 : public Source {
  public:
    Nl80211(netlink::Socket socket, std::uint16_t family) : socket_(std::move(socket)), family_(family) {}

    std::string name() const override { return "nl80211"; }

    std::optional<Reading> read(const std::string&, int index, std::chrono::nanoseconds) override {
        // As a client an interface has one station: its access point.
        std::optional<Reading> reading;
        dump(NL80211_CMD_GET_STATION, index,
             [&](wire::ByteView attributes) { reading = reading ? reading : reading_of_station(attributes); });
        if (reading) {
            dump(NL80211_CMD_GET_SURVEY, index, [&](wire::ByteView attributes) {
                const std::optional<double> noise = noise_of_survey(attributes);
                reading->noise_dbm = noise ? noise : reading->noise_dbm;
            });
        }
        return reading;
    }

  private:
    /// Shows the attributes of every answer. An interface that is no radio has none.
    template <class Visit>
    void dump(std::uint8_t command, int index, Visit&& visit) {
        netlink::Message request{family_, 0};
        auto& header = request.extra<genlmsghdr>();
        header.cmd = command;
        request.put(NL80211_ATTR_IFINDEX, static_cast<std::uint32_t>(index));
        socket_.dump(request, [&](const nlmsghdr& answer) {
            if (answer.nlmsg_type == family_) {
                visit(netlink::attributes(answer, sizeof(genlmsghdr)));
            }
        });
    }

    netlink::Socket socket_;
    std::uint16_t family_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_nl80211() {
    Result<netlink::Socket> socket = netlink::Socket::open(NETLINK_GENERIC);
    if (!socket) {
        return socket.error();
    }
    netlink::Message request{GENL_ID_CTRL, 0};
    auto& header = request.extra<genlmsghdr>();
    header.cmd = CTRL_CMD_GETFAMILY;
    header.version = 1;
    request.put(CTRL_ATTR_FAMILY_NAME, std::string(NL80211_GENL_NAME));
    std::uint16_t family = 0;
    const int error = socket->request(request, [&](const nlmsghdr& answer) {
        const wire::ByteView attributes = netlink::attributes(answer, sizeof(genlmsghdr));
        family = netlink::number<std::uint16_t>(netlink::find(attributes, CTRL_ATTR_FAMILY_ID));
    });
    if (error != 0 || family == 0) {
        return Error{"the kernel has no WiFi (nl80211)" +
                     (error != 0 && error != ENOENT ? std::string(": ") + std::strerror(error) : "")};
    }
    return std::unique_ptr<Source>(std::make_unique<Nl80211>(std::move(*socket), family));
}

}  // namespace homeward::signal
