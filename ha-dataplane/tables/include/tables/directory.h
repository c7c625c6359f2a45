#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <functional>
#include <memory>
#include <vector>

#include "tables/binding.h"
#include "wire/ipv4.h"

namespace homeward::tables {

/// Home address → the place of its binding, in three loads and without a search: 16 bits of the address choose a
/// branch, 6 a page, 10 the binding in it. The same for every home network, wherever it lies. The loads are to stay in
/// the first-level cache: a million bindings have 8 KB of pointers to pages, and of an address that is nobody's home, a
/// correspondent's mostly, one bit says that there is no branch.
///
/// Branches and pages are made when they are first needed and stay until the directory goes, so a reader needs
/// nothing but the pointer it loaded. Pages are cut from chunks of huge-page size, which the kernel is asked to back by
/// huge pages: with a million bindings the walk for a small page would cost more than the binding's line. What of a
/// binding is needed seldom lies elsewhere, so that the lines lie close together.
class Directory {
  public:
    Directory();
    ~Directory();
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    /// Reader: where the address's binding lives, bound or not; null when there is no page. Only computes the address
    /// of the first line, so that the caller can prefetch it.
    [[gnu::always_inline]] const Binding* slot(wire::Ipv4Address address) const noexcept {
        const unsigned high = address.host() >> 16;
        if ((branched_[high / 64].load(std::memory_order_relaxed) >> high % 64 & 1) == 0) {
            return nullptr;
        }
        return find(address);
    }
    /// The same without a look at the branch's bit: cheaper for what is a home address, if it is not a forged one.
    [[gnu::always_inline]] const Binding* home_slot(wire::Ipv4Address address) const noexcept { return find(address); }

    // Writer.
    [[gnu::always_inline]] Binding* find(wire::Ipv4Address address) const noexcept {
        const Branch* branch = root_[address.host() >> 16].load(std::memory_order_acquire);
        if (branch == nullptr) {
            return nullptr;
        }
        BindingPage* page =
            (*branch)[address.host() >> BindingPage::kShift & (kPages - 1)].load(std::memory_order_acquire);
        return page == nullptr ? nullptr : &page->bindings[address.host() & (BindingPage::kBindings - 1)];
    }
    Binding& make(wire::Ipv4Address address);
    void for_each(const std::function<void(Binding&, wire::Ipv4Address)>& visit) const;
    std::size_t memory_bytes() const noexcept;

  private:
    static constexpr unsigned kRoot = 1U << 16, kPages = 1U << (16 - BindingPage::kShift);
    static constexpr std::size_t kChunk = 2U << 20;

    using Branch = std::array<std::atomic<BindingPage*>, kPages>;
    struct Free {
        void operator()(void* chunk) const noexcept { std::free(chunk); }
    };

    BindingPage* new_page();

    std::array<std::atomic<std::uint64_t>, kRoot / 64> branched_{};  ///< bit per root cell: it is not null
    std::unique_ptr<std::atomic<Branch*>[]> root_;
    // Writer only.
    std::vector<std::unique_ptr<Branch>> branches_;
    std::vector<std::unique_ptr<void, Free>> chunks_;
    std::size_t left_ = 0;                                    ///< pages that the last chunk still has
    std::vector<std::unique_ptr<BindingPage::Rests>> rests_;  ///< a page's each
};

}  // namespace homeward::tables
