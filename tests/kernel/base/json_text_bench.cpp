// How fast text is escaped. Prints bytes a second; run by hand.
#include <chrono>
#include <cstdio>
#include <cstring>
#include <string>

#include <howdah/json_text.hpp>

namespace {
void measure(const char* name, const std::string& text) {
    std::string out;
    out.reserve(text.size() * 2 + 16);
    constexpr int kRounds = 2000;
    auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < kRounds; ++i) {
        out.clear();
        howdah::appendJsonString(out, text);
    }
    std::chrono::duration<double> spent = std::chrono::steady_clock::now() - start;
    std::printf("%-24s %6.2f GB/s\n", name, static_cast<double>(text.size()) * kRounds / spent.count() / 1e9);
}
std::string repeat(const char* piece, std::size_t bytes) {
    std::string text;
    while (text.size() < bytes)
        text += piece;
    return text;
}
}  // namespace

int main() {
    measure("clean ASCII", repeat("the quick brown fox jumps over the lazy dog ", 256 << 10));
    measure("a quote every 44 bytes", repeat("the quick brown fox \"jumps over the lazy dog", 256 << 10));
    measure("accented text", repeat("fa\xc3\xa7"
                                    "ade d\xc3\xa9j\xc3\xa0 vu na\xc3\xafve ",
                                    256 << 10));
    measure("Japanese", repeat("\xe8\xb1\xa1\xe3\x81\xae\xe9\x9e\x8d", 256 << 10));
}
