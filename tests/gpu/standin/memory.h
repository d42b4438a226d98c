// Memory of the stand-in's devices. Nobody may touch it from outside: its pages can be read and written only while a kernel or
// a copy runs, so host code that follows a device pointer dies, as it should. An allocation is filled with 0xff; the bytes
// around it hold a pattern that is checked after each kernel, and beyond them are addresses that are never there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace standin {

struct Allocation {
    std::uint64_t start = 0;
    std::size_t bytes = 0;
    // The pages that may be opened.
    unsigned char *pages = nullptr;
    std::size_t page_bytes = 0;
    int device = 0;
    bool is_host = false;
};

using Snapshot = std::map<std::uint64_t, std::vector<unsigned char>>;

class Memory {
  public:
    // 0 if there is not that much left.
    std::uint64_t allocate(int device, std::size_t bytes, std::size_t capacity);
    void *allocate_host(std::size_t bytes);
    bool release(std::uint64_t start, bool is_host);
    // The allocation in which all of that lies.
    const Allocation *find(std::uint64_t start, std::size_t bytes) const;
    void open();
    void close();
    // Complaint about bytes written outside, or nothing. Only while open.
    std::string damage() const;
    // Only while open.
    Snapshot snapshot() const;
    void restore(const Snapshot &snapshot) const;
    // Where two states differ, or nothing.
    std::string difference(const Snapshot &a, const Snapshot &b) const;

    std::size_t live_bytes(int device) const;
    std::size_t live_count(bool is_host) const;
    std::size_t high_water_bytes = 0;
    unsigned long long total_count = 0;

  private:
    std::map<std::uint64_t, Allocation> live;
    int depth = 0;
};

// Opens the memory for as long as it lives.
class Open {
  public:
    explicit Open(Memory &memory) : memory(memory) { memory.open(); }
    Open(const Open &) = delete;
    Open &operator=(const Open &) = delete;
    ~Open() { memory.close(); }

  private:
    Memory &memory;
};

} // namespace standin
