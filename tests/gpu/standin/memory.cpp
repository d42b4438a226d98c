#include "memory.h"

#include <cstdlib>
#include <cstring>
#include <sys/mman.h>

extern "C" __attribute__((weak)) void __asan_poison_memory_region(void const volatile *, std::size_t);
extern "C" __attribute__((weak)) void __asan_unpoison_memory_region(void const volatile *, std::size_t);

namespace standin {

constexpr std::size_t page = 4096;
constexpr std::size_t alignment = 256;
// Addresses on each side that are never there: far enough that a wild index seldom hits the host's own memory.
constexpr std::size_t guard = 16 << 20;
constexpr unsigned char around = 0xa5;

static std::size_t up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

static unsigned char *bytes_of(std::uint64_t start) { return reinterpret_cast<unsigned char *>(start); }

// Address sanitizer sees the bytes around an allocation, or, when it is gone, all of them.
static void mark(const Allocation &allocation, bool is_live) {
    if (!__asan_poison_memory_region) return;
    __asan_poison_memory_region(allocation.pages, allocation.page_bytes);
    if (is_live) __asan_unpoison_memory_region(bytes_of(allocation.start), allocation.bytes);
}

std::uint64_t Memory::allocate(int device, std::size_t bytes, std::size_t capacity) {
    if (bytes > capacity || live_bytes(device) + bytes > capacity) return 0;
    Allocation allocation;
    allocation.page_bytes = up(up(bytes, alignment) + alignment, page);
    void *memory = mmap(nullptr, allocation.page_bytes + 2 * guard, PROT_NONE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return 0;
    allocation.pages = static_cast<unsigned char *>(memory) + guard;
    unsigned char *start = allocation.pages + allocation.page_bytes - up(bytes, alignment);
    allocation.start = reinterpret_cast<std::uint64_t>(start);
    allocation.bytes = bytes;
    allocation.device = device;
    mprotect(allocation.pages, allocation.page_bytes, PROT_READ | PROT_WRITE);
    std::memset(allocation.pages, around, allocation.page_bytes);
    std::memset(start, 0xff, bytes);
    if (depth == 0) mprotect(allocation.pages, allocation.page_bytes, PROT_NONE);
    mark(allocation, true);
    live[allocation.start] = allocation;
    total_count++;
    std::size_t now = live_bytes(device);
    if (now > high_water_bytes) high_water_bytes = now;
    return allocation.start;
}

void *Memory::allocate_host(std::size_t bytes) {
    void *memory = std::aligned_alloc(page, up(bytes, page));
    if (!memory) return nullptr;
    std::memset(memory, 0xff, bytes);
    Allocation allocation;
    allocation.start = reinterpret_cast<std::uint64_t>(memory);
    allocation.bytes = bytes;
    allocation.is_host = true;
    live[allocation.start] = allocation;
    return memory;
}

bool Memory::release(std::uint64_t start, bool is_host) {
    auto found = live.find(start);
    if (found == live.end() || found->second.is_host != is_host) return false;
    const Allocation &allocation = found->second;
    if (is_host) {
        std::free(bytes_of(start));
    } else {
        // The addresses are not used again, so that a pointer to them stays wrong.
        mprotect(allocation.pages, allocation.page_bytes, PROT_NONE);
        madvise(allocation.pages, allocation.page_bytes, MADV_DONTNEED);
        mark(allocation, false);
    }
    live.erase(found);
    return true;
}

const Allocation *Memory::find(std::uint64_t start, std::size_t bytes) const {
    auto after = live.upper_bound(start);
    if (after == live.begin()) return nullptr;
    const Allocation &allocation = std::prev(after)->second;
    std::size_t offset = start - allocation.start;
    return offset <= allocation.bytes && bytes <= allocation.bytes - offset ? &allocation : nullptr;
}

void Memory::open() {
    if (depth++ != 0) return;
    for (const auto &[start, allocation] : live) {
        if (!allocation.is_host) mprotect(allocation.pages, allocation.page_bytes, PROT_READ | PROT_WRITE);
    }
}

void Memory::close() {
    if (--depth != 0) return;
    for (const auto &[start, allocation] : live) {
        if (!allocation.is_host) mprotect(allocation.pages, allocation.page_bytes, PROT_NONE);
    }
}

static bool is_whole(const unsigned char *from, const unsigned char *to) {
    for (; from < to; from++) {
        if (*from != around) return false;
    }
    return true;
}

std::string Memory::damage() const {
    if (__asan_poison_memory_region) return "";
    for (const auto &[start, allocation] : live) {
        if (allocation.is_host) continue;
        const unsigned char *first = bytes_of(start), *last = first + allocation.bytes;
        // In front at most two alignments: the rest of a large page is far away.
        const unsigned char *front = first - allocation.pages > 512 ? first - 512 : allocation.pages;
        const char *side = !is_whole(front, first)                                          ? "in front of"
                           : !is_whole(last, allocation.pages + allocation.page_bytes) ? "behind"
                                                                                            : nullptr;
        if (side) {
            std::memset(const_cast<unsigned char *>(front), around, static_cast<std::size_t>(first - front));
            std::memset(const_cast<unsigned char *>(last), around,
                        static_cast<std::size_t>(allocation.pages + allocation.page_bytes - last));
            return std::string("bytes were written ") + side + " an array of " + std::to_string(allocation.bytes) + " bytes";
        }
    }
    return "";
}

Snapshot Memory::snapshot() const {
    Snapshot snapshot;
    for (const auto &[start, allocation] : live) {
        snapshot.emplace(start, std::vector<unsigned char>(bytes_of(start), bytes_of(start) + allocation.bytes));
    }
    return snapshot;
}

void Memory::restore(const Snapshot &snapshot) const {
    for (const auto &[start, bytes] : snapshot) {
        if (!bytes.empty()) std::memcpy(bytes_of(start), bytes.data(), bytes.size());
    }
}

std::string Memory::difference(const Snapshot &a, const Snapshot &b) const {
    for (const auto &[start, bytes] : a) {
        auto other = b.find(start);
        if (other == b.end() || other->second == bytes) continue;
        std::size_t at = 0;
        while (bytes[at] == other->second[at]) at++;
        return "byte " + std::to_string(at) + " of an array of " + std::to_string(bytes.size()) + " bytes";
    }
    return "";
}

std::size_t Memory::live_bytes(int device) const {
    std::size_t bytes = 0;
    for (const auto &[start, allocation] : live) {
        if (!allocation.is_host && allocation.device == device) bytes += allocation.bytes;
    }
    return bytes;
}

std::size_t Memory::live_count(bool is_host) const {
    std::size_t count = 0;
    for (const auto &[start, allocation] : live) count += allocation.is_host == is_host;
    return count;
}

} // namespace standin
