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

/// Home address → the place of its binding, in two loads and without a search: 17 bits of the address choose a page,
/// 15 the binding in it. The same for every home network, wherever it lies. The loads are to stay in the first-level
/// cache: a million bindings have some 32 pointers to pages, and of most addresses that are nobody's home, the
/// correspondents', a bit for their first octet says so.
///
/// Pages are made when they are first needed and stay until the directory goes, so a reader needs nothing but the
/// pointer it loaded. A page is a huge page where the kernel has one to give: with a million bindings the walk for a
/// small page would cost more than the binding's line. What of a binding is needed seldom lies elsewhere, so that the
/// lines lie close together.
class Directory {
  public:
    Directory();
    ~Directory();
    Directory(const Directory&) = delete;
    Directory& operator=(const Directory&) = delete;

    /// Reads the directory, as long as that lives.
    class Reader;
    Reader reader() const noexcept;

    // Writer.
    Binding* find(wire::Ipv4Address address) const noexcept { return find(root_.get(), address); }
    Binding& make(wire::Ipv4Address address);
    void for_each(const std::function<void(Binding&, wire::Ipv4Address)>& visit) const;
    std::size_t memory_bytes() const noexcept;
    /// Of these, what was mapped for the pages and an allocator knows nothing of.
    std::size_t mapped_bytes() const noexcept { return pages_.size() * sizeof(BindingPage); }

  private:
    using Root = std::atomic<BindingPage*>;

    static constexpr unsigned kRoot = 1U << (32 - BindingPage::kShift);

    [[gnu::always_inline]] static Binding* find(const Root* root, wire::Ipv4Address address) noexcept {
        BindingPage* page = root[address.host() >> BindingPage::kShift].load(std::memory_order_acquire);
        return page == nullptr ? nullptr : &page->bindings[address.host() & (BindingPage::kBindings - 1)];
    }

    struct Free {
        void operator()(void* block) const noexcept { std::free(block); }
    };
    struct Unmap {
        void operator()(void* page) const noexcept;
    };

    BindingPage* new_page();

    std::array<std::atomic<bool>, 256> octets_{};  ///< some page has addresses that begin with it, or nobody can
    std::unique_ptr<Root[]> root_;
    // Writer only.
    std::vector<std::unique_ptr<BindingPage, Unmap>> pages_;
    std::vector<std::unique_ptr<Binding::Rest[], Free>> rests_;  ///< of each page
};

class Directory::Reader {
  public:
    explicit Reader(const Directory& directory) noexcept
        : root_(directory.root_.get()), octets_(directory.octets_.data()) {}

    /// Where the address's binding lives, bound or not; null when there is no page. Only computes the address of the
    /// line, so that the caller can prefetch it.
    [[gnu::always_inline]] const Binding* slot(wire::Ipv4Address address) const noexcept {
        return octets_[address.host() >> 24].load(std::memory_order_relaxed) ? find(root_, address) : nullptr;
    }
    /// A quick answer for nearly every correspondent: unicast, and without a page. False: it must be looked at.
    [[gnu::always_inline]] bool elsewhere(const wire::be32& address) const noexcept {
        return !octets_[address.raw() & 0xff].load(std::memory_order_relaxed);
    }
    /// The same as `slot` without a look at the octet or for the page: cheaper for what is a home address, if it is not
    /// a forged one. To be asked for; to be read if it `has_page`.
    [[gnu::always_inline]] const Binding* home_slot(wire::Ipv4Address address) const noexcept {
        const auto page = reinterpret_cast<std::uintptr_t>(
            root_[address.host() >> BindingPage::kShift].load(std::memory_order_acquire));
        return reinterpret_cast<const Binding*>(page + (address.host() & (BindingPage::kBindings - 1)) *
                                                           std::uintptr_t{sizeof(Binding)});
    }
    [[gnu::always_inline]] static bool has_page(const Binding* home_slot) noexcept {
        return reinterpret_cast<std::uintptr_t>(home_slot) >= sizeof(BindingPage);
    }

  private:
    const Root* root_;
    const std::atomic<bool>* octets_;
};

inline Directory::Reader Directory::reader() const noexcept {
    return Reader{*this};
}

}  // namespace homeward::tables
