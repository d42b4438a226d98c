// CUDA C as a C++ file: the shim's header in front, the list of kernels behind.
#pragma once

#include <cctype>
#include <string>
#include <vector>

namespace standin {

// The text with comments, strings and characters blanked, so that words can be looked for.
inline std::string blanked(const std::string &text) {
    std::string out = text;
    for (std::size_t at = 0; at < out.size();) {
        std::size_t end = at + 1;
        if (text.compare(at, 2, "//") == 0) {
            end = text.find('\n', at);
        } else if (text.compare(at, 2, "/*") == 0) {
            end = text.find("*/", at + 2);
            end = end == std::string::npos ? end : end + 2;
        } else if (text[at] == '"' || (text[at] == '\'' && (at == 0 || !std::isalnum(static_cast<unsigned char>(text[at - 1]))))) {
            while (end < text.size() && text[end] != text[at]) end += text[end] == '\\' ? 2 : 1;
            end++;
        } else {
            at = end;
            continue;
        }
        end = end > text.size() ? text.size() : end;
        for (; at < end; at++) {
            if (out[at] != '\n') out[at] = ' ';
        }
    }
    return out;
}

inline bool is_word(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

// The name before the first `(` behind `__global__` that is not that of the launch bounds.
inline std::vector<std::string> kernel_names(const std::string &text) {
    std::vector<std::string> names;
    const std::string marker = "__global__";
    for (std::size_t at = text.find(marker); at != std::string::npos; at = text.find(marker, at)) {
        at += marker.size();
        std::string word;
        while (at < text.size() && text[at] != ';' && text[at] != '{') {
            if (is_word(text[at])) {
                std::size_t from = at;
                while (at < text.size() && is_word(text[at])) at++;
                word = text.substr(from, at - from);
            } else if (text[at] == '(' && word == "__launch_bounds__") {
                at = text.find(')', at);
                word.clear();
            } else if (text[at] == '(') {
                break;
            } else {
                at++;
            }
        }
        bool is_known = false;
        for (const std::string &name : names) is_known = is_known || name == word;
        if (!word.empty() && !is_known) names.push_back(word);
    }
    return names;
}

inline std::string as_cxx(const std::string &text, const std::string &name) {
    std::string out = "#include \"cuda.h\"\n#define KJIT_DYNAMIC __attribute__((visibility(\"hidden\")))\n#line 1 \"" + name + "\"\n";
    const std::string plain = blanked(text);
    std::string body = text, aliases;
    // `extern __shared__ T name[];` is memory whose size the launch says: another name for the shim's.
    const std::string marker = "extern __shared__";
    std::vector<std::size_t> places;
    for (std::size_t at = plain.find(marker); at != std::string::npos; at = plain.find(marker, at + 1)) places.push_back(at);
    for (std::size_t place = places.size(); place-- > 0;) {
        std::size_t end = plain.find('[', places[place]);
        if (end == std::string::npos) continue;
        while (end > 0 && plain[end - 1] == ' ') end--;
        std::size_t start = end;
        while (start > 0 && is_word(plain[start - 1])) start--;
        const std::string variable = plain.substr(start, end - start);
        const std::string alias = "asm(\".hidden " + variable + "\\n.globl " + variable + "\\n.set " + variable + ", kjit_shim_dynamic\");\n";
        if (aliases.find(alias) == std::string::npos) aliases += alias;
        body.replace(places[place], marker.size(), "extern KJIT_DYNAMIC");
    }
    out += body + "\n#line 1 \"entry\"\n#include \"entry.h\"\n" + aliases;
    for (const std::string &kernel : kernel_names(plain)) out += "KJIT_SHIM_KERNEL(" + kernel + ")\n";
    return out;
}

} // namespace standin
