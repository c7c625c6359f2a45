#include "store/store.h"

#include <gtest/gtest.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include <csignal>
#include <fstream>
#include <map>

#include "scratch.h"

namespace homeward::store {
namespace {

StoredNode node(std::uint32_t address, std::uint8_t policy_seed = 0) {
    StoredNode made;
    made.home_address = wire::Ipv4Address{address};
    made.replay_marks = {1, 2, 3};
    made.bindings.push_back({2, 2, 4, wire::Ipv4Address{0xcb007107}, 4000, wire::Ipv4Address{0xc0a80132}, 60,
                             mip::UnixTime{1'000'000'000'123}, mip::UnixTime{1'060'000'000'456}});
    made.numbering = {1, 0x80, 0, static_cast<std::uint8_t>(address)};
    if (policy_seed != 0) {
        policy::Policy table;
        table.fallback = {policy_seed};
        wire::Bytes bytes = policy::encode(table);
        const policy::Digest digest = policy::digest(bytes);
        made.policy = StoredPolicy{3, {7, digest}, std::make_shared<const wire::Bytes>(std::move(bytes))};
    }
    return made;
}

std::map<std::uint32_t, StoredNode> load(Store& store) {
    std::map<std::uint32_t, StoredNode> nodes;
    EXPECT_TRUE(store.load_nodes([&nodes](StoredNode held) { nodes[held.home_address.host()] = std::move(held); }));
    return nodes;
}

Store open(const std::filesystem::path& file) {
    auto store = Store::open(file);
    EXPECT_TRUE(store) << (store ? "" : store.error().text);
    return std::move(store).value();
}

TEST(Store, GivesBackWhatWasCommitted) {
    const Scratch scratch;
    {
        Store store = open(scratch / "new/control.db");
        store.put_node(node(5, 1));
        store.put_node(node(6, 1));
        store.put_node(node(7));
        store.put_assignment("a@ex", wire::Ipv4Address{9});
        ASSERT_TRUE(store.commit());
        store.remove_node(wire::Ipv4Address{7});
        ASSERT_TRUE(store.commit());
    }
    Store store = open(scratch / "new/control.db");
    const auto nodes = load(store);
    ASSERT_EQ(nodes.size(), 2U);
    const StoredNode& held = nodes.at(5);
    EXPECT_EQ(held.replay_marks, (wire::Bytes{1, 2, 3}));
    EXPECT_EQ(held.numbering, (wire::Bytes{1, 0x80, 0, 5}));
    ASSERT_EQ(held.bindings.size(), 1U);
    const StoredBinding expected = node(5).bindings[0];
    EXPECT_EQ(held.bindings[0].binding_id, expected.binding_id);
    EXPECT_EQ(held.bindings[0].care_of, expected.care_of);
    EXPECT_EQ(held.bindings[0].registered_care_of, expected.registered_care_of);
    EXPECT_EQ(held.bindings[0].port, expected.port);
    EXPECT_EQ(held.bindings[0].expires, expected.expires);
    EXPECT_EQ(held.bindings[0].registered, expected.registered);
    ASSERT_TRUE(held.policy);
    EXPECT_EQ(held.policy->generation, node(5, 1).policy->generation);
    EXPECT_EQ(*held.policy->bytes, *node(5, 1).policy->bytes);
    std::map<std::string, wire::Ipv4Address> assigned;
    ASSERT_TRUE(store.load_assignments(
        [&assigned](const std::string& nai, wire::Ipv4Address address) { assigned[nai] = address; }));
    EXPECT_EQ(assigned, (std::map<std::string, wire::Ipv4Address>{{"a@ex", wire::Ipv4Address{9}}}));
}

TEST(Store, ReplacesANodeWhole) {
    const Scratch scratch;
    Store store = open(scratch / "control.db");
    store.put_node(node(5, 1));
    StoredNode next = node(5, 2);
    next.bindings[0].binding_id = 9;
    store.put_node(next);
    ASSERT_TRUE(store.commit());
    const auto nodes = load(store);
    ASSERT_EQ(nodes.at(5).bindings.size(), 1U);
    EXPECT_EQ(nodes.at(5).bindings[0].binding_id, 9);
    EXPECT_EQ(nodes.at(5).policy->generation, next.policy->generation);
}

TEST(Store, AKilledProcessLosesNothingThatWasCommitted) {
    const Scratch scratch;
    const pid_t child = ::fork();
    if (child == 0) {
        auto store = Store::open(scratch / "control.db");
        for (std::uint32_t i = 1; i <= 50; ++i) {
            store->put_node(node(i));
            static_cast<void>(store->commit());
        }
        store->put_node(node(99));  // begun, not committed
        ::kill(::getpid(), SIGKILL);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status));
    Store store = open(scratch / "control.db");
    const auto nodes = load(store);
    EXPECT_EQ(nodes.size(), 50U);
    EXPECT_FALSE(nodes.contains(99));
}

TEST(Store, TakesOverTheFileOfAnEarlierRelease) {
    const Scratch scratch;
    {
        Store store = open(scratch / "control.db");
        store.put_node(node(5, 1));
        ASSERT_TRUE(store.commit());
    }
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open((scratch / "control.db").c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, "ALTER TABLE node DROP COLUMN numbering; PRAGMA user_version = 1;", nullptr,
                           nullptr, nullptr),
              SQLITE_OK);
    sqlite3_close(database);
    Store store = open(scratch / "control.db");
    EXPECT_TRUE(load(store).at(5).numbering.empty());
    EXPECT_EQ(load(store).at(5).bindings.size(), 1U);
    store.put_node(node(5, 1));
    ASSERT_TRUE(store.commit());
    EXPECT_FALSE(load(store).at(5).numbering.empty());
}

struct RefusedRow {
    const char* name;
    void (*prepare)(const std::filesystem::path&);
    const char* words;
};
const RefusedRow kRefused[] = {
    {"not_a_database", [](const std::filesystem::path& file) { std::ofstream(file) << std::string(8192, 'x'); },
     "not a database"},
    {"a_directory", [](const std::filesystem::path& file) { std::filesystem::create_directory(file); },
     "unable to open"},
    {"a_file_as_directory",
     [](const std::filesystem::path& file) {
         std::filesystem::create_directories(file.parent_path().parent_path());
         std::ofstream(file.parent_path()) << "x";
     },
     "cannot create its directory"},
};
class RefusedRows : public testing::TestWithParam<RefusedRow> {};

TEST_P(RefusedRows, IsOneLineThatNamesTheFile) {
    const Scratch scratch;
    const std::filesystem::path file =
        std::string(GetParam().name) == "a_file_as_directory" ? scratch / "d/e/control.db" : scratch / "control.db";
    GetParam().prepare(file);
    const auto store = Store::open(file);
    ASSERT_FALSE(store);
    EXPECT_NE(store.error().text.find(file.string()), std::string::npos) << store.error().text;
    EXPECT_NE(store.error().text.find(GetParam().words), std::string::npos) << store.error().text;
    EXPECT_EQ(store.error().text.find('\n'), std::string::npos);
}
INSTANTIATE_TEST_SUITE_P(Rows, RefusedRows, testing::ValuesIn(kRefused),
                         [](const auto& row) { return std::string(row.param.name); });

TEST(Store, IsOneProcesssOwn) {
    const Scratch scratch;
    Store first = open(scratch / "control.db");
    const auto second = Store::open(scratch / "control.db");
    ASSERT_FALSE(second);
    EXPECT_NE(second.error().text.find("another process"), std::string::npos) << second.error().text;
}

}  // namespace
}  // namespace homeward::store
