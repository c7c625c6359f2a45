#pragma once

#include <algorithm>
#include <array>
#include <cstddef>

namespace homeward::selection {

/// A vector with room for `N`, in place: engines allocate nothing once they run.
template <typename T, std::size_t N>
class Bounded {
  public:
    /// False, and nothing is taken, when it is full.
    bool push_back(const T& item) {
        if (size_ == N) {
            return false;
        }
        items_[size_++] = item;
        return true;
    }
    void clear() { size_ = 0; }
    void resize(std::size_t size) { size_ = std::min(size, N); }
    void erase(T* place) {
        std::move(place + 1, end(), place);
        --size_;
    }

    std::size_t size() const { return size_; }
    bool empty() const { return size_ == 0; }
    bool full() const { return size_ == N; }
    static constexpr std::size_t capacity() { return N; }
    T& operator[](std::size_t i) { return items_[i]; }
    const T& operator[](std::size_t i) const { return items_[i]; }
    T& back() { return items_[size_ - 1]; }
    const T& back() const { return items_[size_ - 1]; }
    T* begin() { return items_.data(); }
    T* end() { return items_.data() + size_; }
    const T* begin() const { return items_.data(); }
    const T* end() const { return items_.data() + size_; }
    const T* data() const { return items_.data(); }

  private:
    std::array<T, N> items_{};
    std::size_t size_ = 0;
};

}  // namespace homeward::selection
