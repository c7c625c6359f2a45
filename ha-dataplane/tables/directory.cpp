#include "tables/directory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>
#include <utility>

namespace homeward::tables {
namespace {

/// Zeroes, `size` bytes at a multiple of it; null: there is no memory. Mapped for their own: what an allocator gives a
/// second time is in the small pages that it had the first time.
void* map_aligned(std::size_t size) noexcept {
    void* const mapped = mmap(nullptr, 2 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapped == MAP_FAILED) {
        return nullptr;
    }
    auto* begin = static_cast<std::uint8_t*>(mapped);
    const std::size_t before = -reinterpret_cast<std::uintptr_t>(begin) % size;
    if (before != 0) {
        munmap(begin, before);
    }
    munmap(begin + before + size, size - before);
    return begin + before;
}

}  // namespace

void Directory::Unmap::operator()(void* page) const noexcept {
    munmap(page, sizeof(BindingPage));
}

Directory::Directory() : root_(std::make_unique<Root[]>(kRoot)) {
    for (std::uint32_t octet = 0; octet < octets_.size(); ++octet) {
        octets_[octet].store(!wire::Ipv4Address{octet << 24}.is_unicast(), std::memory_order_relaxed);
    }
}

Directory::~Directory() = default;

BindingPage* Directory::new_page() {
    std::unique_ptr<void, Unmap> page{map_aligned(sizeof(BindingPage))};
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
    Root& root = root_[address.host() >> BindingPage::kShift];
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
    return kRoot * sizeof(void*) + mapped_bytes() + rests_.size() * BindingPage::kBindings * sizeof(Binding::Rest);
}

}  // namespace homeward::tables
