// What the stand-in for NVRTC returns and the one for the driver loads: a shared object in a box that says what it is for.
#pragma once

namespace standin {

struct ImageHead {
    char magic[8];
    // 90 for sm_90.
    unsigned arch;
    unsigned reserved;
    unsigned long long bytes;
};

constexpr char image_magic[9] = "KJITCUBN";
// A line of the text that stands for PTX: the path of the shared object follows.
constexpr char ptx_image[] = "// image: ";

} // namespace standin
