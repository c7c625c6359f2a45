#include "tables/directory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace homeward::tables {

Directory::Directory() : root_(std::make_unique<std::atomic<BindingPage*>[]>(kRoot)) {
    for (std::uint32_t octet = 0; octet < octets_.size(); ++octet) {
        octets_[octet].store(!wire::Ipv4Address{octet << 24}.is_unicast(), std::memory_order_relaxed);
    }
}

Directory::~Directory() = default;

BindingPage* Directory::new_page() {
    std::unique_ptr<void, Free> page{std::aligned_alloc(sizeof(BindingPage), sizeof(BindingPage))};
    // Zeroes are what they begin with, and the kernel's, until somebody writes there.
    std::unique_ptr<Binding::Rest[], Free> rests{
        static_cast<Binding::Rest*>(std::calloc(BindingPage::kBindings, sizeof(Binding::Rest)))};
    if (page == nullptr || rests == nullptr) {
        throw std::bad_alloc{};
    }
    madvise(page.get(), sizeof(BindingPage), MADV_HUGEPAGE);  // a kernel without them gives small pages: only slower
    pages_.emplace_back(new (page.release()) BindingPage{rests.get()});
    rests_.push_back(std::move(rests));
    return pages_.back().get();
}

Binding& Directory::make(wire::Ipv4Address address) {
    std::atomic<BindingPage*>& root = root_[address.host() >> BindingPage::kShift];
    if (root.load(std::memory_order_relaxed) == nullptr) {
        root.store(new_page(), std::memory_order_release);
        octets_[address.host() >> 24].store(true, std::memory_order_release);
    }
    return *find(address);
}

void Directory::for_each(const std::function<void(Binding&, wire::Ipv4Address)>& visit) const {
    for (std::uint32_t number = 0; number < kRoot; ++number) {
        BindingPage* page = root_[number].load(std::memory_order_relaxed);
        for (std::uint32_t i = 0; page != nullptr && i < BindingPage::kBindings; ++i) {
            visit(page->bindings[i], wire::Ipv4Address{number << BindingPage::kShift | i});
        }
    }
}

std::size_t Directory::memory_bytes() const noexcept {
    return kRoot * sizeof(void*) +
           pages_.size() * (sizeof(BindingPage) + BindingPage::kBindings * sizeof(Binding::Rest));
}

}  // namespace homeward::tables
