#include "store/store.h"

#include <sqlite3.h>

#include <algorithm>
#include <utility>

#include "statement.h"

namespace homeward::store {
namespace {

constexpr std::int64_t kSchema = 2;
constexpr const char* kCreate = R"(
    CREATE TABLE assignment (nai TEXT PRIMARY KEY, home_address INTEGER NOT NULL UNIQUE) WITHOUT ROWID;
    CREATE TABLE policy (digest BLOB PRIMARY KEY, bytes BLOB NOT NULL);
    CREATE TABLE node (
        home_address INTEGER PRIMARY KEY,
        replay_marks BLOB NOT NULL,
        policy_source INTEGER, policy_version INTEGER, policy_digest BLOB,
        numbering BLOB);
    CREATE INDEX node_policy ON node (policy_digest) WHERE policy_digest IS NOT NULL;
    CREATE TABLE binding (
        home_address INTEGER NOT NULL, binding_id INTEGER NOT NULL,
        label INTEGER NOT NULL, technology INTEGER NOT NULL,
        care_of INTEGER NOT NULL, port INTEGER NOT NULL, registered_care_of INTEGER NOT NULL,
        lifetime_s INTEGER NOT NULL, registered_ns INTEGER NOT NULL, expires_ns INTEGER NOT NULL,
        PRIMARY KEY (home_address, binding_id)) WITHOUT ROWID;
    PRAGMA user_version = 2;)";

// What turns a file of an earlier release into one of this.
constexpr const char* kUpgrade[kSchema] = {
    kCreate,
    "ALTER TABLE node ADD COLUMN numbering BLOB; PRAGMA user_version = 2;",
};
constexpr const char* kKeep = "PRAGMA user_version = 2;";

wire::Ipv4Address address_of(std::int64_t stored) {
    return wire::Ipv4Address{static_cast<std::uint32_t>(stored)};
}

}  // namespace

struct Store::State {
    sqlite3* database = nullptr;
    std::filesystem::path file;
    bool in_transaction = false;
    std::string failure;  ///< the first one since the last commit

    Statement put_node, delete_node, policy_of_node, put_binding, delete_bindings;
    Statement put_policy, delete_unused_policy, put_assignment, delete_assignment;

    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() {
        // Statements end before their database.
        for (Statement* statement : {&put_node, &delete_node, &policy_of_node, &put_binding, &delete_bindings,
                                     &put_policy, &delete_unused_policy, &put_assignment, &delete_assignment}) {
            *statement = Statement();
        }
        sqlite3_close_v2(database);
    }

    Error error(const std::string& what) const {
        return {"state file " + file.string() + ": " + what +
                "; check the disk and permissions, or move the file away to begin with no bindings"};
    }
    Error database_error() const {
        if (sqlite3_errcode(database) == SQLITE_BUSY) {
            return {"state file " + file.string() + ": another process has it open; stop the other homeward-control"};
        }
        return error(sqlite3_errmsg(database));
    }
    bool execute(const char* text) { return sqlite3_exec(database, text, nullptr, nullptr, nullptr) == SQLITE_OK; }
    Status set_up();
    Status create_or_check_schema();
    bool prepare();
    void begin();
    void run(Statement& statement) {
        if (!statement.run() && failure.empty()) {
            failure = sqlite3_errmsg(database);
        }
    }
    wire::Bytes policy_digest(wire::Ipv4Address home_address);
    void drop_policy_if_unused(const wire::Bytes& digest);
};

Status Store::State::set_up() {
    if (sqlite3_open_v2(file.c_str(), &database, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr) != SQLITE_OK) {
        return database_error();
    }
    sqlite3_busy_timeout(database, 1000);
    // Exclusive: two homeward-control on one file would overwrite each other's truth.
    if (!execute("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;")) {
        return database_error();
    }
    return create_or_check_schema();
}

Status Store::State::create_or_check_schema() {
    Statement check(database, "PRAGMA quick_check(1)");
    if (!check.prepared() || check.step() != SQLITE_ROW) {
        return database_error();
    }
    if (check.text(0) != "ok") {
        std::string damage(check.text(0));
        std::replace(damage.begin(), damage.end(), '\n', ' ');
        return error("it is damaged: " + damage);
    }
    Statement version(database, "PRAGMA user_version");
    if (!version.prepared() || version.step() != SQLITE_ROW) {
        return database_error();
    }
    const std::int64_t found = version.integer(0);
    version.reset();
    check.reset();
    if (found > kSchema) {
        return error("it was written by a newer release (schema " + std::to_string(found) + ")");
    }
    // A write, in any case: a file that cannot be written must be known at start, not at the first registration.
    const std::string create = "BEGIN IMMEDIATE;" + std::string(found == kSchema ? kKeep : kUpgrade[found]) + "COMMIT;";
    if (!execute(create.c_str()) || !prepare()) {
        return database_error();
    }
    return {};
}

bool Store::State::prepare() {
    put_node = Statement(
        database,
        "INSERT INTO node VALUES (?,?,?,?,?,?) ON CONFLICT (home_address) DO UPDATE SET "
        "replay_marks=excluded.replay_marks, policy_source=excluded.policy_source, "
        "policy_version=excluded.policy_version, policy_digest=excluded.policy_digest, numbering=excluded.numbering");
    delete_node = Statement(database, "DELETE FROM node WHERE home_address=?");
    policy_of_node = Statement(database, "SELECT policy_digest FROM node WHERE home_address=?");
    put_binding = Statement(database, "INSERT OR REPLACE INTO binding VALUES (?,?,?,?,?,?,?,?,?,?)");
    delete_bindings = Statement(database, "DELETE FROM binding WHERE home_address=?");
    put_policy = Statement(database, "INSERT OR IGNORE INTO policy VALUES (?,?)");
    delete_unused_policy = Statement(database,
                                     "DELETE FROM policy WHERE digest=?1 AND NOT EXISTS "
                                     "(SELECT 1 FROM node WHERE policy_digest=?1)");
    put_assignment = Statement(database, "INSERT OR REPLACE INTO assignment VALUES (?,?)");
    delete_assignment = Statement(database, "DELETE FROM assignment WHERE nai=?");
    return put_node.prepared() && delete_node.prepared() && policy_of_node.prepared() && put_binding.prepared() &&
           delete_bindings.prepared() && put_policy.prepared() && delete_unused_policy.prepared() &&
           put_assignment.prepared() && delete_assignment.prepared();
}

void Store::State::begin() {
    if (!in_transaction) {
        in_transaction = execute("BEGIN IMMEDIATE");
        if (!in_transaction && failure.empty()) {
            failure = sqlite3_errmsg(database);
        }
    }
}

wire::Bytes Store::State::policy_digest(wire::Ipv4Address home_address) {
    wire::Bytes digest;
    policy_of_node.bind(std::int64_t{home_address.host()});
    if (policy_of_node.step() == SQLITE_ROW) {
        const wire::ByteView held = policy_of_node.bytes(0);
        digest.assign(held.begin(), held.end());
    }
    policy_of_node.reset();
    return digest;
}

void Store::State::drop_policy_if_unused(const wire::Bytes& digest) {
    if (!digest.empty()) {
        run(delete_unused_policy.bind(wire::ByteView{digest}));
    }
}

Result<Store> Store::open(const std::filesystem::path& file) {
    auto state = std::make_unique<State>();
    state->file = file;
    std::error_code failed;
    if (file.has_parent_path()) {
        std::filesystem::create_directories(file.parent_path(), failed);
    }
    if (failed) {
        return state->error("cannot create its directory: " + failed.message());
    }
    if (const Status ready = state->set_up(); !ready) {
        return ready.error();
    }
    return Store(std::move(state));
}

Store::Store(std::unique_ptr<State> state) : state_(std::move(state)) {}
Store::~Store() = default;
Store::Store(Store&&) noexcept = default;
Store& Store::operator=(Store&&) noexcept = default;

void Store::put_node(const StoredNode& node) {
    State& state = *state_;
    state.begin();
    const std::int64_t home_address{node.home_address.host()};
    const wire::Bytes digest_before = state.policy_digest(node.home_address);
    wire::Bytes digest;
    if (node.policy) {
        digest.assign(node.policy->generation.digest.begin(), node.policy->generation.digest.end());
        if (digest != digest_before) {
            state.run(state.put_policy.bind(wire::ByteView{digest}).bind(wire::ByteView{*node.policy->bytes}));
        }
    }
    state.put_node.bind(home_address).bind(wire::ByteView{node.replay_marks});
    if (node.policy) {
        state.put_node.bind(std::int64_t{node.policy->source})
            .bind(std::int64_t{node.policy->generation.version})
            .bind(wire::ByteView{digest});
    } else {
        state.put_node.bind_null().bind_null().bind_null();
    }
    if (node.numbering.empty()) {
        state.put_node.bind_null();
    } else {
        state.put_node.bind(wire::ByteView{node.numbering});
    }
    state.run(state.put_node);
    if (digest != digest_before) {
        state.drop_policy_if_unused(digest_before);
    }
    state.run(state.delete_bindings.bind(home_address));
    for (const StoredBinding& binding : node.bindings) {
        state.put_binding.bind(home_address)
            .bind(std::int64_t{binding.binding_id})
            .bind(std::int64_t{binding.label})
            .bind(std::int64_t{binding.technology})
            .bind(std::int64_t{binding.care_of.host()})
            .bind(std::int64_t{binding.port})
            .bind(std::int64_t{binding.registered_care_of.host()})
            .bind(std::int64_t{binding.lifetime_s})
            .bind(std::int64_t{binding.registered.count()})
            .bind(std::int64_t{binding.expires.count()});
        state.run(state.put_binding);
    }
}

void Store::remove_node(wire::Ipv4Address home_address) {
    State& state = *state_;
    state.begin();
    const wire::Bytes digest = state.policy_digest(home_address);
    state.run(state.delete_node.bind(std::int64_t{home_address.host()}));
    state.run(state.delete_bindings.bind(std::int64_t{home_address.host()}));
    state.drop_policy_if_unused(digest);
}

void Store::put_assignment(const std::string& nai, wire::Ipv4Address home_address) {
    state_->begin();
    state_->run(state_->put_assignment.bind(nai).bind(std::int64_t{home_address.host()}));
}

void Store::remove_assignment(const std::string& nai) {
    state_->begin();
    state_->run(state_->delete_assignment.bind(nai));
}

Status Store::commit() {
    State& state = *state_;
    if (!state.in_transaction && state.failure.empty()) {
        return {};
    }
    if (state.failure.empty() && state.execute("COMMIT")) {
        state.in_transaction = false;
        return {};
    }
    const std::string why = state.failure.empty() ? sqlite3_errmsg(state.database) : state.failure;
    state.failure.clear();
    state.execute("ROLLBACK");
    state.in_transaction = false;
    return state.error(why);
}

Status Store::load_assignments(const std::function<void(const std::string&, wire::Ipv4Address)>& take) {
    Statement rows(state_->database, "SELECT nai, home_address FROM assignment");
    int outcome = rows.prepared() ? rows.step() : SQLITE_ERROR;
    for (; outcome == SQLITE_ROW; outcome = rows.step()) {
        take(std::string(rows.text(0)), address_of(rows.integer(1)));
    }
    return outcome == SQLITE_DONE ? Status{} : Status{state_->database_error()};
}

Status Store::load_nodes(const std::function<void(StoredNode)>& take) {
    Statement rows(state_->database,
                   "SELECT n.home_address, n.replay_marks, n.policy_source, n.policy_version, n.policy_digest, "
                   "p.bytes, n.numbering "
                   "FROM node n LEFT JOIN policy p ON p.digest = n.policy_digest");
    Statement bindings(state_->database,
                       "SELECT binding_id, label, technology, care_of, port, registered_care_of, lifetime_s, "
                       "registered_ns, expires_ns FROM binding WHERE home_address=? ORDER BY binding_id");
    if (!rows.prepared() || !bindings.prepared()) {
        return state_->database_error();
    }
    int outcome = rows.step();
    for (; outcome == SQLITE_ROW; outcome = rows.step()) {
        StoredNode node;
        node.home_address = address_of(rows.integer(0));
        node.replay_marks.assign(rows.bytes(1).begin(), rows.bytes(1).end());
        if (!rows.is_null(2) && !rows.is_null(5) && rows.bytes(4).size() == sizeof(policy::Digest)) {
            StoredPolicy policy;
            policy.source = static_cast<std::uint8_t>(rows.integer(2));
            policy.generation.version = static_cast<std::uint32_t>(rows.integer(3));
            const wire::ByteView digest = rows.bytes(4);
            std::copy(digest.begin(), digest.end(), policy.generation.digest.begin());
            const wire::ByteView bytes = rows.bytes(5);
            policy.bytes = std::make_shared<const wire::Bytes>(bytes.begin(), bytes.end());
            node.policy = std::move(policy);
        }
        node.numbering.assign(rows.bytes(6).begin(), rows.bytes(6).end());
        for (bindings.bind(rows.integer(0)); bindings.step() == SQLITE_ROW;) {
            StoredBinding binding;
            binding.binding_id = static_cast<std::uint8_t>(bindings.integer(0));
            binding.label = static_cast<std::uint8_t>(bindings.integer(1));
            binding.technology = static_cast<std::uint8_t>(bindings.integer(2));
            binding.care_of = address_of(bindings.integer(3));
            binding.port = static_cast<std::uint16_t>(bindings.integer(4));
            binding.registered_care_of = address_of(bindings.integer(5));
            binding.lifetime_s = static_cast<std::uint16_t>(bindings.integer(6));
            binding.registered = mip::UnixTime{bindings.integer(7)};
            binding.expires = mip::UnixTime{bindings.integer(8)};
            node.bindings.push_back(binding);
        }
        bindings.reset();
        take(std::move(node));
    }
    return outcome == SQLITE_DONE ? Status{} : Status{state_->database_error()};
}

}  // namespace homeward::store
