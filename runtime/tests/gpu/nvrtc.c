/* A stand-in for NVRTC, for tests alone: its "machine code" is an ELF header and the source. A source with the word
   `mistake` does not compile. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct program { char *source, log[256], code[16]; };

static long compilations, is_broken;
void standin_break(void) { is_broken = 1; }
long standin_compilations(void) { return compilations; }

int nvrtcVersion(int *major, int *minor) { return *major = MAJOR, *minor = 0, 0; }
int nvrtcCreateProgram(void **program, const char *source, const char *name, int headers, void *a, void *b) {
    (void)name, (void)a, (void)b;
    struct program *made = calloc(1, sizeof *made);
    made->source = strdup(source);
    return *program = made, headers;
}
int nvrtcDestroyProgram(void **program) {
    struct program *old = *program;
    return free(old->source), free(old), *program = NULL, 0;
}
int nvrtcCompileProgram(void *handle, int count, const char **options) {
    struct program *program = handle;
    compilations++;
    for (int k = 0; k < count; k++)
        if (!strncmp(options[k], "-arch=", 6)) snprintf(program->code, sizeof program->code, "%s", options[k] + 6);
    if (is_broken) return strcpy(program->log, "nvrtc: error: failed to open libnvrtc-builtins.so.13.0"), 7;
    const char *mistake = strstr(program->source, "mistake");
    if (mistake) return strcpy(program->log, "kernel.k(3): error: identifier \"mistake\" is undefined"), 6;
    return 0;
}
int nvrtcGetProgramLogSize(void *handle, size_t *size) { return *size = strlen(((struct program *)handle)->log) + 1, 0; }
int nvrtcGetProgramLog(void *handle, char *log) { return strcpy(log, ((struct program *)handle)->log), 0; }
int nvrtcGetPTXSize(void *handle, size_t *size) { return *size = strlen(((struct program *)handle)->source) + 1, 0; }
int nvrtcGetPTX(void *handle, char *text) { return strcpy(text, ((struct program *)handle)->source), 0; }
int nvrtcGetCUBINSize(void *handle, size_t *size) {
    struct program *program = handle;
    return *size = strncmp(program->code, "sm_", 3) ? 0 : 64 + strlen(program->source), 0;
}
int nvrtcGetCUBIN(void *handle, char *code) {
    struct program *program = handle;
    memset(code, 0, 64);
    memcpy(code, "\177ELF\2", 5);
    memcpy(code + 64, program->source, strlen(program->source));
    return 0;
}
int nvrtcGetNumSupportedArchs(int *count) { return *count = 3, 0; }
int nvrtcGetSupportedArchs(int *list) { return list[0] = 75, list[1] = 80, list[2] = 90, 0; }
