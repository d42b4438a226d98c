// What a test asks of its copy of the stand-in: the file `standin.conf` beside the library, lines `key = value`.
//
//   devices = 1                how many
//   arch = 90                  compute capability
//   multiprocessors = 3
//   driver-version = 13000     as cuDriverGetVersion has it
//   memory = 268435456         bytes of each device
//   orders = all               ascending, descending, shuffled: how the threads take turns; all: each in turn, same results wanted
//   deferred = 1               work on streams waits until somebody waits for it
//   fail = cuMemAlloc_v2:2@3   the third call gives code 2; several lines allowed; @0: every call
//   nvrtc-version = 13.0       of the stand-in for libnvrtc
//   sanitize = 0               1: kernels are compiled with address and undefined-behaviour sanitizers
#pragma once

#include <map>
#include <string>
#include <vector>

namespace standin {

struct Failure {
    std::string function;
    int code = 0;
    int at = 0;
    int calls = 0;
};

struct Config {
    std::map<std::string, std::string> values;
    std::vector<Failure> failures;

    long number(const char *key, long otherwise) const;
    std::string text(const char *key, const char *otherwise) const;
};

// Read once, from the folder of this library.
Config &config();
std::string own_folder();

} // namespace standin
