#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <string_view>
#include <utility>

#include "wire/cursor.h"

namespace homeward::store {

/// A prepared statement, bound and stepped through once per use.
class Statement {
  public:
    Statement() = default;
    Statement(sqlite3* database, const char* text) { sqlite3_prepare_v2(database, text, -1, &handle_, nullptr); }
    ~Statement() { sqlite3_finalize(handle_); }
    Statement(const Statement&) = delete;
    Statement& operator=(const Statement&) = delete;
    Statement(Statement&& other) noexcept : handle_(std::exchange(other.handle_, nullptr)), bound_(other.bound_) {}
    Statement& operator=(Statement&& other) noexcept {
        std::swap(handle_, other.handle_);
        std::swap(bound_, other.bound_);
        return *this;
    }

    bool prepared() const noexcept { return handle_ != nullptr; }

    Statement& bind(std::int64_t value) {
        sqlite3_bind_int64(handle_, ++bound_, value);
        return *this;
    }
    Statement& bind(std::string_view text) {
        sqlite3_bind_text(handle_, ++bound_, text.data(), static_cast<int>(text.size()), SQLITE_TRANSIENT);
        return *this;
    }
    Statement& bind(wire::ByteView bytes) {
        // A null pointer would be NULL, not an empty blob.
        sqlite3_bind_blob(handle_, ++bound_, bytes.empty() ? static_cast<const void*>("") : bytes.data(),
                          static_cast<int>(bytes.size()), SQLITE_TRANSIENT);
        return *this;
    }
    Statement& bind_null() {
        ++bound_;
        return *this;
    }

    /// Runs to the end. False: the database's error says why.
    bool run() {
        int outcome = handle_ == nullptr ? SQLITE_ERROR : SQLITE_ROW;
        while (outcome == SQLITE_ROW) {
            outcome = sqlite3_step(handle_);
        }
        reset();
        return outcome == SQLITE_DONE;
    }
    /// SQLITE_ROW, SQLITE_DONE or an error.
    int step() { return sqlite3_step(handle_); }
    void reset() {
        sqlite3_reset(handle_);
        sqlite3_clear_bindings(handle_);
        bound_ = 0;
    }

    bool is_null(int column) { return sqlite3_column_type(handle_, column) == SQLITE_NULL; }
    std::int64_t integer(int column) { return sqlite3_column_int64(handle_, column); }
    std::string_view text(int column) {
        const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(handle_, column));
        return {text == nullptr ? "" : text, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
    }
    wire::ByteView bytes(int column) {
        const auto* bytes = static_cast<const std::uint8_t*>(sqlite3_column_blob(handle_, column));
        return {bytes, static_cast<std::size_t>(sqlite3_column_bytes(handle_, column))};
    }

  private:
    sqlite3_stmt* handle_ = nullptr;
    int bound_ = 0;
};

}  // namespace homeward::store
