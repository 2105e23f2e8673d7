#include "kernel/host/elf_check.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include <doctest/doctest.h>
#include <elf.h>
#include <link.h>

namespace howdah::kernel {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);

std::vector<char> library() {
    std::ifstream file(HOWDAH_BROKEN_PLUGINS "/sound.so", std::ios::binary);
    std::vector<char> bytes{std::istreambuf_iterator<char>(file), {}};
    REQUIRE(bytes.size() > sizeof(Header));
    return bytes;
}

// "" when the bytes are sound.
std::string refusal(std::span<const char> bytes) {
    auto whole = checkElf(bytes);
    if (whole) return "";
    CHECK(whole.error().code == Code::refused);
    return whole.error().message;
}

std::string refusalWith(const std::function<void(Header&)>& change) {
    std::vector<char> bytes = library();
    Header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    change(header);
    std::memcpy(bytes.data(), &header, sizeof header);
    return refusal(bytes);
}

// The first loadable segment, changed.
std::string refusalWithSegment(const std::function<void(Segment&)>& change) {
    std::vector<char> bytes = library();
    Header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    for (std::size_t at = header.e_phoff;; at += sizeof(Segment)) {
        Segment segment;
        std::memcpy(&segment, bytes.data() + at, sizeof segment);
        if (segment.p_type != PT_LOAD) continue;
        change(segment);
        std::memcpy(bytes.data() + at, &segment, sizeof segment);
        return refusal(bytes);
    }
}

std::size_t loadedBytes(const std::vector<char>& bytes) {
    Header header;
    std::memcpy(&header, bytes.data(), sizeof header);
    std::size_t end = 0;
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
        Segment segment;
        std::memcpy(&segment, bytes.data() + header.e_phoff + i * sizeof segment, sizeof segment);
        if (segment.p_type == PT_LOAD) end = std::max<std::size_t>(end, segment.p_offset + segment.p_filesz);
    }
    return end;
}

bool says(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

constexpr auto kLargest = std::numeric_limits<decltype(Header::e_phoff)>::max();

}  // namespace

TEST_CASE("elf: a library cut anywhere before the end of what is loaded is refused, with all of that it is not") {
    const std::vector<char> bytes = library();
    const std::size_t loaded = loadedBytes(bytes);
    REQUIRE(loaded <= bytes.size());
    for (std::size_t size = 0; size < loaded; ++size) {
        // A copy of this very size, so that a sanitizer sees a read beyond it.
        const std::vector<char> cut(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
        const std::string told = refusal(cut);
        if (says(told, concat("it is cut off: ", size, " of ")) && says(told, " bytes; copy it again")) continue;
        FAIL("cut to ", size, ": ", told);
    }
    CHECK(refusal(std::span(bytes).first(loaded)) == "");
    CHECK(refusal(bytes) == "");
    CHECK(says(refusal(std::span(bytes).first(loaded - 1)), concat(loaded - 1, " of ", loaded, " bytes")));
    CHECK(says(refusal({}), "0 of at least 64 bytes"));
}

TEST_CASE("elf: where the bytes lie in memory does not matter") {
    const std::vector<char> bytes = library();
    std::vector<char> shifted(bytes.size() + 1);
    std::copy(bytes.begin(), bytes.end(), shifted.begin() + 1);
    CHECK(refusal(std::span(shifted).subspan(1)) == "");
}

TEST_CASE("elf: what is no shared object of this machine is told what it is") {
    const std::string text = "#!/bin/sh\n";
    CHECK(says(refusal(text), "it is not an ELF file"));
    CHECK(says(refusal(std::string("\x7f"
                                   "ELK")),
               "it is not an ELF file"));
    CHECK(says(refusalWith([](Header& header) { header.e_ident[EI_CLASS] = ELFCLASS32; }), "of another machine"));
    CHECK(says(refusalWith([](Header& header) { header.e_ident[EI_DATA] = ELFDATA2MSB; }), "of another machine"));
    CHECK(says(refusalWith([](Header& header) { header.e_machine = EM_S390; }), "machine 22); build it for this one"));
    CHECK(says(refusalWith([](Header& header) { header.e_type = ET_REL; }), "of type 1, not a shared object"));
    CHECK(says(refusalWith([](Header& header) { header.e_type = ET_EXEC; }), "of type 2, not a shared object"));
    CHECK(says(refusalWith([](Header& header) { header.e_phentsize = 0; }), "a program header of 0 bytes"));
}

TEST_CASE("elf: a table or a segment that points anywhere is refused and never read") {
    const std::size_t size = library().size();
    CHECK(says(refusalWith([&](Header& header) { header.e_phoff = size; }), "it is cut off"));
    CHECK(says(refusalWith([](Header& header) { header.e_phoff = kLargest; }), "it is cut off"));
    CHECK(says(refusalWith([](Header& header) { header.e_phoff = kLargest - 3; }), "it is cut off"));
    CHECK(says(refusalWith([](Header& header) { header.e_phnum = 0xffff; }), "it is cut off"));
    CHECK(says(refusalWithSegment([](Segment& segment) { segment.p_offset = kLargest; }), "it is cut off"));
    CHECK(says(refusalWithSegment([](Segment& segment) { segment.p_filesz = kLargest; }), "it is cut off"));
    CHECK(says(refusalWithSegment([&](Segment& segment) {
                   segment.p_offset = size;
                   segment.p_filesz = 1;
               }),
               concat(size, " of ", size + 1, " bytes")));
    CHECK(refusalWithSegment([&](Segment& segment) {
              segment.p_offset = size - 1;
              segment.p_filesz = 1;
          }) == "");
}

}  // namespace howdah::kernel
