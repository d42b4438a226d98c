// Images to kernels.

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <dlfcn.h>
#include <unistd.h>

#include "image.h"
#include "state.h"

namespace standin {

static Status open_library(const std::string &path, LoadedModule **module, std::string &log) {
    void *library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        log = dlerror();
        return code::invalid_image;
    }
    using Bind = kjit_shim::Module *(*)(const kjit_shim::Runtime *);
    auto bind = reinterpret_cast<Bind>(dlsym(library, "kjit_shim_bind"));
    if (!bind) {
        dlclose(library);
        log = "no module of the stand-in";
        return code::invalid_image;
    }
    auto loaded = std::make_unique<LoadedModule>();
    loaded->library = library;
    loaded->module = bind(kjit_shim::the_runtime());
    *module = loaded.release();
    all().modules.insert(*module);
    all().count("modules");
    return code::ok;
}

static Status open_ptx(const char *text, LoadedModule **module, std::string &log) {
    int major = 0, minor = 0;
    const char *version = std::strstr(text, ".version ");
    if (version) std::sscanf(version, ".version %d.%d", &major, &minor);
    // PTX 9.0 goes with CUDA 13.0, 8.8 with 12.9: the major number is 4 less, and then the minor one 1.
    const long driver = config().number("driver-version", 13000);
    if ((major + 4) * 10 + (major < 9 ? minor + 1 : minor) > driver / 100) {
        log = "PTX is newer than the driver";
        return code::unsupported_ptx;
    }
    const char *line = std::strstr(text, ptx_image);
    if (!line) {
        log = "PTX without image: not made by the stand-in";
        return code::invalid_image;
    }
    line += std::strlen(ptx_image);
    return open_library(std::string(line, std::strcspn(line, "\n")), module, log);
}

Status load_module(const void *image, LoadedModule **module, std::string &log) {
    ImageHead head;
    const char *bytes = static_cast<const char *>(image);
    if (std::memcmp(bytes, "\177ELF", 4) == 0) {
        log = "a cubin of a real GPU";
        return code::no_binary;
    }
    if (std::memcmp(bytes, image_magic, 8) != 0) return open_ptx(bytes, module, log);
    std::memcpy(&head, image, sizeof(head));
    const long arch = config().number("arch", 90);
    // A cubin runs on devices of its major number, from its minor one on.
    if (static_cast<long>(head.arch) / 10 != arch / 10 || static_cast<long>(head.arch) > arch) {
        log = "made for sm_" + std::to_string(head.arch);
        return code::no_binary;
    }
    // Each file needs a name of its own: the loader knows what it has loaded by name.
    const bool is_sanitised = config().number("sanitize", 0) != 0;
    std::string path = (is_sanitised ? own_folder() : std::string(P_tmpdir)) + "/kjit-standin-XXXXXX";
    int file = mkstemp(path.data());
    if (file < 0) return code::out_of_memory;
    const char *from = bytes + sizeof(head);
    for (std::size_t left = head.bytes; left > 0;) {
        ssize_t written = write(file, from, left);
        if (written <= 0) {
            close(file);
            unlink(path.c_str());
            return code::out_of_memory;
        }
        from += written;
        left -= static_cast<std::size_t>(written);
    }
    close(file);
    Status status = open_library(path, module, log);
    // A sanitizer reads the lines of its report from the file.
    if (!is_sanitised) unlink(path.c_str());
    return status;
}

void unload_module(LoadedModule *module) {
    for (const auto &function : module->functions) all().functions.erase(function.get());
    all().modules.erase(module);
    dlclose(module->library);
    delete module;
}

} // namespace standin
