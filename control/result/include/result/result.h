#pragma once

#include <cassert>
#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace homeward {

/// What went wrong, in words for the person who has to act: what, where (file:line, key, device), what to do.
struct Error {
    std::string text;
};

/// A value or an Error: the control plane's way to return a failure. (`std::expected` is C++23.)
///
/// `value()` may be called only when `ok()`, `error()` only when not; both are asserted.
template <class T>
class [[nodiscard]] Result {
  public:
    Result(T value) : state_(std::move(value)) {}      // NOLINT(google-explicit-constructor): `return value;`
    Result(Error error) : state_(std::move(error)) {}  // NOLINT(google-explicit-constructor): `return Error{…};`

    bool ok() const noexcept { return state_.index() == 0; }
    explicit operator bool() const noexcept { return ok(); }

    T& value() & { return get<T>(); }
    const T& value() const& { return const_cast<Result*>(this)->get<T>(); }
    T&& value() && { return std::move(get<T>()); }
    T& operator*() & { return value(); }
    const T& operator*() const& { return value(); }
    T* operator->() { return &value(); }
    const T* operator->() const { return &value(); }

    const Error& error() const { return const_cast<Result*>(this)->get<Error>(); }

  private:
    template <class U>
    U& get() {
        U* held = std::get_if<U>(&state_);
        assert(held != nullptr);
        return *held;
    }

    std::variant<T, Error> state_;
};

/// Success without a value, or an Error.
class [[nodiscard]] Status {
  public:
    Status() = default;
    Status(Error error) : error_(std::move(error)) {}  // NOLINT(google-explicit-constructor): `return Error{…};`

    bool ok() const noexcept { return !error_.has_value(); }
    explicit operator bool() const noexcept { return ok(); }
    const Error& error() const {
        assert(error_.has_value());
        return *error_;
    }

  private:
    std::optional<Error> error_;
};

}  // namespace homeward
