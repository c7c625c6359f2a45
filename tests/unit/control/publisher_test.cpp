#include "publish/publisher.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <map>
#include <set>

#define ASIO_STANDALONE
#include <asio.hpp>

#include "scratch.h"

namespace homeward::publish {
namespace {

using namespace std::chrono_literals;

/// `count` bindings with home addresses 1…count; those above 1000 are made as they are asked for.
class ManyBindings : public Source {
  public:
    ipc::Settings settings() const override { return {}; }
    std::vector<ipc::HomeNetwork> home_networks() const override { return {ipc::HomeNetwork{0x0a0a0000, 16, {}, {}}}; }
    std::vector<ipc::Binding> bindings_after(std::optional<std::uint32_t> after, std::size_t limit) const override {
        std::vector<ipc::Binding> some;
        for (std::uint32_t next = after.value_or(0) + 1; next <= count && some.size() < limit; ++next) {
            some.emplace_back().home_address = next;
        }
        return some;
    }
    std::uint32_t count = 2;
};

/// The other end of the socket, driven by the test.
class Peer {
  public:
    explicit Peer(const std::filesystem::path& path, std::uint16_t version = ipc::kVersion) {
        fd_ = ::socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        std::memcpy(address.sun_path, path.c_str(), path.native().size());
        EXPECT_EQ(::connect(fd_, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
        ipc::Header header;
        header.version = version;
        header.type = ipc::Type::hello;
        header.count = 1;
        ipc::Hello hello;
        hello.pid = 77;
        send(header, &hello, sizeof hello);
    }
    ~Peer() { ::close(fd_); }

    void send(const ipc::Header& header, const void* body = nullptr, std::size_t size = 0) {
        wire::Bytes bytes(sizeof header + size);
        std::memcpy(bytes.data(), &header, sizeof header);
        if (size != 0) {
            std::memcpy(bytes.data() + sizeof header, body, size);
        }
        EXPECT_EQ(::send(fd_, bytes.data(), bytes.size(), 0), static_cast<ssize_t>(bytes.size()));
    }
    void acknowledge(std::uint64_t sequence) {
        ipc::Header header;
        header.type = ipc::Type::ack;
        header.sequence = sequence;
        send(header);
    }
    void refuse(std::uint64_t sequence) {
        ipc::Header header;
        header.type = ipc::Type::refused;
        header.sequence = sequence;
        header.count = 1;
        ipc::Refused reason;
        std::string_view{"no room"}.copy(reason.reason.data(), reason.reason.size() - 1);
        send(header, &reason, sizeof reason);
    }

    struct Packet {
        ipc::Header header;
        wire::Bytes body;
    };
    /// The next packet; nullopt: none yet. `closed()` tells when there will be no more.
    std::optional<Packet> receive() {
        static wire::Bytes buffer(ipc::kMaxMessage);
        const ssize_t size = ::recv(fd_, buffer.data(), buffer.size(), MSG_DONTWAIT);
        if (size <= 0) {
            closed_ = size == 0 || errno == ECONNRESET;
            return std::nullopt;
        }
        Packet packet;
        std::memcpy(&packet.header, buffer.data(), sizeof packet.header);
        packet.body.assign(buffer.begin() + sizeof packet.header, buffer.begin() + size);
        return packet;
    }
    bool closed() const noexcept { return closed_; }

  private:
    int fd_ = -1;
    bool closed_ = false;
};

class PublisherTest : public testing::Test {
  protected:
    PublisherTest()
        : publisher(
              loop, source,
              {[this](const ipc::Hello& hello) { greeted = hello.pid; }, [this] { ++synchronised; },
               [this](const std::string& why) { lost = why; }, [this](const std::string& why) { refused = why; }}) {
        EXPECT_TRUE(publisher.listen(scratch / "s"));
    }
    void turn() {
        loop.restart();
        loop.run_for(5ms);
    }
    /// Runs until the peer got a packet of this type; everything it got on the way is in `seen`.
    Peer::Packet await(Peer& peer, ipc::Type type) {
        for (int i = 0; i < 2000; ++i) {
            turn();
            while (auto packet = peer.receive()) {
                EXPECT_EQ(packet->header.sequence, ++sequence) << "numbered without gaps";
                seen.push_back(packet->header.type);
                if (packet->header.type == ipc::Type::binding_put) {
                    bindings += packet->header.count;
                }
                if (packet->header.type == type) {
                    return *packet;
                }
            }
        }
        ADD_FAILURE() << "no packet of type " << static_cast<int>(type);
        return {};
    }
    void synchronise(Peer& peer) {
        sequence = 0;
        peer.acknowledge(await(peer, ipc::Type::sync_end).header.sequence);
        turn();
    }

    const Scratch scratch;
    asio::io_context loop;
    ManyBindings source;
    Publisher publisher;
    std::uint32_t greeted = 0;
    int synchronised = 0;
    std::string lost, refused;
    std::vector<ipc::Type> seen;
    std::size_t bindings = 0;
    std::uint64_t sequence = 0;
};

ipc::Binding binding(std::uint32_t home_address) {
    ipc::Binding made;
    made.home_address = home_address;
    return made;
}

policy::Digest digest(std::uint8_t first) {
    policy::Digest made{};
    made[0] = first;
    return made;
}

PolicyBytes bytes(std::size_t size) {
    return std::make_shared<const wire::Bytes>(size, std::uint8_t{7});
}

TEST_F(PublisherTest, ReplaysInOrder) {
    publisher.acquire_policy(digest(1), bytes(100));
    Peer peer(scratch / "s");
    synchronise(peer);
    using T = ipc::Type;
    EXPECT_EQ(seen, (std::vector<T>{T::sync_begin, T::settings, T::home_network, T::policy_chunk, T::binding_put,
                                    T::sync_end}));
    EXPECT_EQ(greeted, 77U);
    EXPECT_EQ(synchronised, 1);
    EXPECT_TRUE(publisher.synchronised());
    EXPECT_EQ(bindings, 2U);
}

TEST_F(PublisherTest, AMillionBindingsPassUnderBackPressure) {
    source.count = 1'000'000;
    Peer peer(scratch / "s");
    synchronise(peer);
    EXPECT_EQ(bindings, 1'000'000U);
    EXPECT_EQ(synchronised, 1);
}

TEST_F(PublisherTest, CallsBackWhenTheWorkersSeeIt) {
    Peer peer(scratch / "s");
    synchronise(peer);
    std::vector<std::pair<int, bool>> done;
    publisher.put(binding(8), [&done](bool applied) { done.emplace_back(8, applied); });
    publisher.put(binding(9), [&done](bool applied) { done.emplace_back(9, applied); });
    const auto puts = await(peer, ipc::Type::binding_put);
    EXPECT_EQ(puts.header.count, 2) << "changes of one turn share a packet";
    publisher.remove(8, [&done](bool applied) { done.emplace_back(-8, applied); });
    const auto removal = await(peer, ipc::Type::binding_remove);
    EXPECT_TRUE(done.empty());
    peer.acknowledge(puts.header.sequence);
    turn();
    EXPECT_EQ(done, (std::vector<std::pair<int, bool>>{{8, true}, {9, true}}));
    peer.refuse(removal.header.sequence);
    turn();
    EXPECT_EQ(done.back(), std::make_pair(-8, false));
    EXPECT_EQ(refused, "no room");
}

TEST_F(PublisherTest, WhatSomebodyWaitsForIsSentAgainAfterTheNextReplay) {
    int done = 0;
    const std::uint64_t given_up = publisher.put(binding(7), [&done](bool) { done += 100; });
    publisher.put(binding(8), [&done](bool) { ++done; });
    publisher.put(binding(6));  // nobody waits: the replay says it
    publisher.forget(given_up);
    {
        Peer peer(scratch / "s");
        synchronise(peer);
        const auto put = await(peer, ipc::Type::binding_put);
        EXPECT_EQ(put.header.count, 1);
    }
    turn();
    EXPECT_FALSE(lost.empty());
    EXPECT_EQ(done, 0);
    Peer peer(scratch / "s");
    synchronise(peer);
    const auto put = await(peer, ipc::Type::binding_put);
    std::uint32_t home_address = 0;
    std::memcpy(&home_address, put.body.data(), sizeof home_address);
    EXPECT_EQ(home_address, 8U);
    peer.acknowledge(put.header.sequence);
    turn();
    EXPECT_EQ(done, 1);
}

TEST_F(PublisherTest, PoliciesAreSharedCutAndRemovedAfterTheirLastUser) {
    Peer peer(scratch / "s");
    synchronise(peer);
    const std::uint32_t number = publisher.acquire_policy(digest(1), bytes(200'000));
    EXPECT_EQ(publisher.acquire_policy(digest(1), bytes(200'000)), number);
    const std::uint32_t other = publisher.acquire_policy(digest(2), bytes(10));
    EXPECT_NE(other, number);
    std::size_t received = 0;
    while (received < 200'000) {
        const auto packet = await(peer, ipc::Type::policy_chunk);
        ipc::PolicyChunk chunk;
        std::memcpy(&chunk, packet.body.data(), sizeof chunk);
        ASSERT_EQ(chunk.policy, number);
        ASSERT_EQ(chunk.total, 200'000U);
        ASSERT_EQ(chunk.offset, received);
        ASSERT_EQ(packet.body.size(), sizeof chunk + chunk.size);
        received += chunk.size;
    }
    await(peer, ipc::Type::policy_chunk);
    publisher.release_policy(number);
    publisher.put(binding(1));
    publisher.release_policy(number);
    seen.clear();
    const auto removal = await(peer, ipc::Type::policy_remove);
    EXPECT_EQ(seen, (std::vector<ipc::Type>{ipc::Type::binding_put, ipc::Type::policy_remove}));
    std::uint32_t removed = 0;
    std::memcpy(&removed, removal.body.data(), sizeof removed);
    EXPECT_EQ(removed, number);
    EXPECT_NE(publisher.acquire_policy(digest(1), bytes(10)), number) << "a number is never used twice";
}

TEST_F(PublisherTest, EndsAConnectionOfAnotherRelease) {
    Peer peer(scratch / "s", ipc::kVersion + 1);
    for (int i = 0; i < 100 && lost.empty(); ++i) {
        turn();
    }
    EXPECT_NE(lost.find("install both of one release"), std::string::npos) << lost;
    EXPECT_FALSE(publisher.connected());
}

TEST_F(PublisherTest, ANewerConnectionTakesThePlaceOfTheOld) {
    Peer first(scratch / "s");
    synchronise(first);
    Peer second(scratch / "s");
    synchronise(second);
    EXPECT_FALSE(first.receive());
    EXPECT_TRUE(first.closed());
    EXPECT_TRUE(publisher.synchronised());
}

TEST_F(PublisherTest, CountersAreAskedForAndAbsentWithoutADataPlane) {
    std::optional<CounterList> answer;
    publisher.request_counters([&answer](CounterList list) { answer = std::move(list); });
    ASSERT_TRUE(answer);
    EXPECT_TRUE(answer->empty());
    Peer peer(scratch / "s");
    synchronise(peer);
    answer.reset();
    publisher.request_counters([&answer](CounterList list) { answer = std::move(list); });
    await(peer, ipc::Type::counters_request);
    for (const std::uint16_t more : {std::uint16_t{1}, std::uint16_t{0}}) {
        ipc::Header header;
        header.type = ipc::Type::counters_reply;
        header.count = 1;
        header.more = more;
        ipc::Counter counter;
        std::string_view{more != 0 ? "drop.a" : "drop.b"}.copy(counter.name.data(), counter.name.size() - 1);
        counter.value = 3;
        peer.send(header, &counter, sizeof counter);
    }
    for (int i = 0; i < 100 && !answer; ++i) {
        turn();
    }
    EXPECT_EQ(answer, (CounterList{{"drop.a", 3}, {"drop.b", 3}}));
}

}  // namespace
}  // namespace homeward::publish
