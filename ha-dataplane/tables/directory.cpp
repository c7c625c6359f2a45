#include "tables/directory.h"

#include <sys/mman.h>

#include <cstdlib>
#include <new>

namespace homeward::tables {

Directory::Directory() : root_(std::make_unique<std::atomic<Branch*>[]>(kRoot)) {}

Directory::~Directory() = default;

BindingPage* Directory::new_page() {
    if (left_ == 0) {
        chunks_.emplace_back(std::aligned_alloc(kChunk, kChunk));
        if (chunks_.back() == nullptr) {
            chunks_.pop_back();
            throw std::bad_alloc{};
        }
        madvise(chunks_.back().get(), kChunk, MADV_HUGEPAGE);  // a kernel without them gives small pages: only slower
        left_ = kChunk / sizeof(BindingPage);
    }
    BindingPage::Rests& rests = *rests_.emplace_back(std::make_unique<BindingPage::Rests>());
    --left_;
    return new (static_cast<std::byte*>(chunks_.back().get()) + left_ * sizeof(BindingPage)) BindingPage{rests};
}

Binding& Directory::make(wire::Ipv4Address address) {
    const unsigned high = address.host() >> 16;
    std::atomic<Branch*>& root = root_[high];
    if (root.load(std::memory_order_relaxed) == nullptr) {
        root.store(branches_.emplace_back(std::make_unique<Branch>()).get(), std::memory_order_release);
        branched_[high / 64].fetch_or(std::uint64_t{1} << high % 64, std::memory_order_release);
    }
    auto& cell = (*root.load(std::memory_order_relaxed))[address.host() >> BindingPage::kShift & (kPages - 1)];
    if (cell.load(std::memory_order_relaxed) == nullptr) {
        cell.store(new_page(), std::memory_order_release);
    }
    return *find(address);
}

void Directory::for_each(const std::function<void(Binding&, wire::Ipv4Address)>& visit) const {
    for (std::uint32_t high = 0; high < kRoot; ++high) {
        const Branch* branch = root_[high].load(std::memory_order_relaxed);
        for (std::uint32_t number = 0; branch != nullptr && number < kPages; ++number) {
            BindingPage* page = (*branch)[number].load(std::memory_order_relaxed);
            for (std::uint32_t i = 0; page != nullptr && i < BindingPage::kBindings; ++i) {
                visit(page->bindings[i], wire::Ipv4Address{high << 16 | number << BindingPage::kShift | i});
            }
        }
    }
}

std::size_t Directory::memory_bytes() const noexcept {
    return sizeof branched_ + kRoot * sizeof(void*) + branches_.size() * sizeof(Branch) +
           rests_.size() * (sizeof(BindingPage) + sizeof(BindingPage::Rests));
}

}  // namespace homeward::tables
