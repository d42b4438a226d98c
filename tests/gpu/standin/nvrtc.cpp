// libnvrtc: "compiles" CUDA C with the C++ compiler and the shim's header, and returns the shared object as the cubin.
//
// What was compiled is kept in the folder `objects` beside the library (or `cache` of standin.conf), by a hash of all that goes
// in. `CXX` names another compiler than c++.

#include <cerrno>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <fstream>
#include <mutex>
#include <spawn.h>
#include <sstream>
#include <string>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <vector>

#include "config.h"
#include "image.h"
#include "text.h"

extern char **environ;

using namespace standin;

namespace {

constexpr int ok = 0, invalid_input = 3, invalid_option = 5, compilation = 6, internal_error = 11;

struct Program {
    std::string name, text, log, image_path, cubin, ptx;
    std::vector<std::string> defines;
    bool wants_machine_code = true;
};

std::string read_file(const std::string &path) {
    std::ifstream file(path, std::ios::binary);
    std::stringstream content;
    content << file.rdbuf();
    return content.str();
}

std::uint64_t hash(const std::string &text, std::uint64_t seed) {
    std::uint64_t value = seed;
    for (unsigned char byte : text) value = (value ^ byte) * 0x100000001b3ull;
    return value;
}

std::string hexadecimal(std::uint64_t value) {
    char text[17];
    std::snprintf(text, sizeof(text), "%016llx", static_cast<unsigned long long>(value));
    return text;
}

const std::string &headers() {
    static const std::string all = [] {
        std::string text;
        for (const char *name : {"contract.h", "cuda.h", "cuda_atomic.h", "cuda_math.h", "entry.h"}) {
            text += read_file(std::string(KJIT_SHIM_DIR "/") + name);
        }
        return text;
    }();
    return all;
}

std::vector<std::string> compiler_flags() {
    std::vector<std::string> flags = {"-std=c++17", "-fPIC", "-shared", "-fvisibility=hidden", "-ffp-contract=off",
                                      "-fno-math-errno", "-fno-exceptions", "-fno-rtti", "-g1", "-w"};
    flags.push_back(config().text("optimize", "-O1"));
    if (config().number("sanitize", 0) != 0) {
        flags.push_back("-fsanitize=address,undefined,float-cast-overflow");
        flags.push_back("-fsanitize-sections=kjit_shared");
        flags.push_back("-fno-sanitize-recover=undefined,float-cast-overflow");
    }
#if __GNUC__ >= 12 || __clang_major__ >= 16
    // Also the padding of structs, which would else differ from one order of threads to another.
    flags.push_back("-ftrivial-auto-var-init=pattern");
#endif
    flags.push_back("-I" KJIT_SHIM_DIR);
    return flags;
}

// Runs the compiler; true if it succeeded. What it says goes to the log.
bool run_compiler(const std::vector<std::string> &words, const std::string &log_path, std::string &log) {
    std::vector<char *> arguments;
    for (const std::string &word : words) arguments.push_back(const_cast<char *>(word.c_str()));
    arguments.push_back(nullptr);
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, log_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
    posix_spawn_file_actions_adddup2(&actions, 1, 2);
    // Address sanitizer is preloaded into the tests, not into the compiler.
    std::vector<char *> environment;
    for (char **entry = environ; *entry; entry++) {
        if (std::strncmp(*entry, "LD_PRELOAD=", 11) != 0) environment.push_back(*entry);
    }
    environment.push_back(nullptr);
    pid_t child = 0;
    int failed = posix_spawnp(&child, arguments[0], &actions, nullptr, arguments.data(), environment.data());
    posix_spawn_file_actions_destroy(&actions);
    int status = -1;
    if (failed == 0) {
        while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
        }
    }
    log = failed ? std::string(arguments[0]) + " does not start" : read_file(log_path);
    unlink(log_path.c_str());
    return failed == 0 && status == 0;
}

bool build(Program &program, const std::string &arch) {
    const char *named = std::getenv("CXX");
    const std::string compiler = named && *named ? named : "c++";
    std::string key = program.text + headers() + compiler + program.name;
    std::vector<std::string> flags = compiler_flags();
    flags.insert(flags.end(), program.defines.begin(), program.defines.end());
    for (const std::string &flag : flags) key += "\n" + flag;
    const std::string stem = hexadecimal(hash(key, 0xcbf29ce484222325ull)) + hexadecimal(hash(key, 0x9e3779b97f4a7c15ull));
    const std::string folder = config().text("cache", (own_folder() + "/objects").c_str());
    mkdir(folder.c_str(), 0755);
    program.image_path = folder + "/" + stem + ".so";
    if (access(program.image_path.c_str(), R_OK) != 0) {
        // Other processes, and other copies of this library, may compile the same.
        const std::string own = folder + "/" + stem + "." + std::to_string(getpid()) + "." + hexadecimal(reinterpret_cast<std::uintptr_t>(&headers));
        const std::string source = own + ".cpp", object = own + ".so";
        std::ofstream(source) << as_cxx(program.text, program.name);
        std::vector<std::string> words = {compiler};
        words.insert(words.end(), flags.begin(), flags.end());
        words.insert(words.end(), {"-o", object, source, "-lm"});
        const bool is_built = run_compiler(words, own + ".log", program.log);
        if (!is_built) return false;
        unlink(source.c_str());
        // The text itself, for the real compiler: `tests/tests/gpu_nvrtc.rs`.
        std::ofstream text(own + ".cu");
        for (const std::string &define : program.defines) {
            text << "#define " << define.substr(2, define.find('=') - 2) << " 1\n";
        }
        text << program.text;
        text.close();
        rename((own + ".cu").c_str(), (folder + "/" + stem + ".cu").c_str());
        if (rename(object.c_str(), program.image_path.c_str()) != 0) return false;
    }
    const std::string object = read_file(program.image_path);
    ImageHead head = {};
    std::memcpy(head.magic, image_magic, 8);
    head.arch = static_cast<unsigned>(std::atoi(arch.c_str()));
    head.bytes = object.size();
    if (program.wants_machine_code) {
        program.cubin.assign(reinterpret_cast<const char *>(&head), sizeof(head));
        program.cubin += object;
    }
    const std::string version = config().text("nvrtc-version", "13.0");
    const int major = std::atoi(version.c_str()), minor = std::atoi(version.c_str() + version.find('.') + 1);
    program.ptx = "//\n// made by the stand-in for NVRTC\n//\n.version " + std::to_string(major - 4) + "." +
                  std::to_string(major < 13 ? minor - 1 : minor) + "\n.target sm_" + arch + "\n.address_size 64\n" + ptx_image +
                  program.image_path + "\n";
    return true;
}

std::mutex mutex;

int injected(const char *function) {
    std::lock_guard<std::mutex> lock(mutex);
    for (Failure &failure : config().failures) {
        if (failure.function == function && (++failure.calls == failure.at || failure.at == 0)) return failure.code;
    }
    return ok;
}

Program *of(void *handle) { return static_cast<Program *>(handle); }

// A size counts the closing zero of a text.
int give(const std::string &bytes, bool is_text, char *to) {
    std::memcpy(to, bytes.data(), bytes.size());
    if (is_text) to[bytes.size()] = 0;
    return ok;
}

constexpr int archs[] = {75, 80, 86, 87, 88, 89, 90, 100, 103, 110, 120, 121};

} // namespace

#define NVRTC extern "C" __attribute__((visibility("default"))) int

extern "C" __attribute__((visibility("default"))) const char *nvrtcGetErrorString(int code) {
    switch (code) {
    case 0: return "NVRTC_SUCCESS";
    case 1: return "NVRTC_ERROR_OUT_OF_MEMORY";
    case 3: return "NVRTC_ERROR_INVALID_INPUT";
    case 4: return "NVRTC_ERROR_INVALID_PROGRAM";
    case 5: return "NVRTC_ERROR_INVALID_OPTION";
    case 6: return "NVRTC_ERROR_COMPILATION";
    case 7: return "NVRTC_ERROR_BUILTIN_OPERATION_FAILURE";
    case 11: return "NVRTC_ERROR_INTERNAL_ERROR";
    default: return "NVRTC_ERROR unknown";
    }
}

NVRTC nvrtcVersion(int *major, int *minor) {
    const std::string version = config().text("nvrtc-version", "13.0");
    *major = std::atoi(version.c_str());
    *minor = std::atoi(version.c_str() + version.find('.') + 1);
    return ok;
}

NVRTC nvrtcGetNumSupportedArchs(int *count) {
    *count = static_cast<int>(sizeof(archs) / sizeof(archs[0]));
    return ok;
}

NVRTC nvrtcGetSupportedArchs(int *list) {
    std::memcpy(list, archs, sizeof(archs));
    return ok;
}

NVRTC nvrtcCreateProgram(void **handle, const char *text, const char *name, int header_count, const char *const *,
                         const char *const *) {
    if (!text || header_count != 0) return invalid_input;
    auto *program = new Program;
    program->text = text;
    program->name = name ? name : "default_program";
    *handle = program;
    return ok;
}

NVRTC nvrtcDestroyProgram(void **handle) {
    delete of(*handle);
    *handle = nullptr;
    return ok;
}

NVRTC nvrtcCompileProgram(void *handle, int count, const char *const *options) {
    Program &program = *of(handle);
    if (int code = injected("nvrtcCompileProgram")) {
        program.log = "injected by the test";
        return code;
    }
    std::string arch = "75";
    program.defines.clear();
    for (int at = 0; at < count; at++) {
        const std::string option = options[at];
        for (const char *prefix : {"--gpu-architecture=sm_", "--gpu-architecture=compute_", "-arch=sm_", "-arch=compute_"}) {
            if (option.compare(0, std::strlen(prefix), prefix) != 0) continue;
            arch = option.substr(std::strlen(prefix));
            program.wants_machine_code = !std::strstr(prefix, "compute");
        }
        if (option.compare(0, 2, "-D") == 0) program.defines.push_back(option);
        if (option.compare(0, 15, "--define-macro=") == 0) program.defines.push_back("-D" + option.substr(15));
        if (option.empty() || option[0] != '-') {
            program.log = "unrecognised option " + option;
            return invalid_option;
        }
    }
    return build(program, arch) ? ok : compilation;
}

NVRTC nvrtcGetProgramLogSize(void *handle, size_t *bytes) {
    *bytes = of(handle)->log.size() + 1;
    return ok;
}
NVRTC nvrtcGetProgramLog(void *handle, char *log) { return give(of(handle)->log, true, log); }
NVRTC nvrtcGetPTXSize(void *handle, size_t *bytes) {
    *bytes = of(handle)->ptx.size() + 1;
    return of(handle)->ptx.empty() ? internal_error : ok;
}
NVRTC nvrtcGetPTX(void *handle, char *ptx) { return give(of(handle)->ptx, true, ptx); }
NVRTC nvrtcGetCUBINSize(void *handle, size_t *bytes) {
    *bytes = of(handle)->cubin.size();
    return ok;
}
NVRTC nvrtcGetCUBIN(void *handle, char *cubin) { return give(of(handle)->cubin, false, cubin); }
