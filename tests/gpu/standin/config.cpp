#include "config.h"

#include <cstdlib>
#include <dlfcn.h>
#include <fstream>

namespace standin {

std::string own_folder() {
    Dl_info info;
    if (!dladdr(reinterpret_cast<void *>(&own_folder), &info) || !info.dli_fname) return ".";
    std::string file = info.dli_fname;
    std::size_t slash = file.rfind('/');
    return slash == std::string::npos ? "." : file.substr(0, slash);
}

static std::string trimmed(const std::string &text) {
    std::size_t from = text.find_first_not_of(" \t\r"), to = text.find_last_not_of(" \t\r");
    return from == std::string::npos ? "" : text.substr(from, to - from + 1);
}

static Config read() {
    Config config;
    std::ifstream file(own_folder() + "/standin.conf");
    for (std::string line; std::getline(file, line);) {
        std::size_t equals = line.find('=');
        if (equals == std::string::npos || line[0] == '#') continue;
        const std::string key = trimmed(line.substr(0, equals)), value = trimmed(line.substr(equals + 1));
        if (key != "fail") {
            config.values[key] = value;
            continue;
        }
        std::size_t colon = value.find(':'), at = value.find('@');
        if (colon == std::string::npos) continue;
        Failure failure;
        failure.function = value.substr(0, colon);
        failure.code = std::atoi(value.c_str() + colon + 1);
        failure.at = at == std::string::npos ? 1 : std::atoi(value.c_str() + at + 1);
        config.failures.push_back(failure);
    }
    return config;
}

Config &config() {
    static Config the_config = read();
    return the_config;
}

long Config::number(const char *key, long otherwise) const {
    auto found = values.find(key);
    return found == values.end() ? otherwise : std::strtol(found->second.c_str(), nullptr, 10);
}

std::string Config::text(const char *key, const char *otherwise) const {
    auto found = values.find(key);
    return found == values.end() ? otherwise : found->second;
}

} // namespace standin
