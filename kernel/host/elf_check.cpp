#include "kernel/host/elf_check.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <limits>
#include <string_view>

#include <elf.h>
#include <link.h>

namespace howdah::kernel {
namespace {

using Header = ElfW(Ehdr);
using Segment = ElfW(Phdr);

constexpr unsigned char kClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;
constexpr unsigned char kByteOrder = std::endian::native == std::endian::little ? ELFDATA2LSB : ELFDATA2MSB;
#if defined(__x86_64__)
constexpr unsigned kMachine = EM_X86_64;
#elif defined(__aarch64__)
constexpr unsigned kMachine = EM_AARCH64;
#else
constexpr unsigned kMachine = EM_NONE;  // left to the loader
#endif

// A copy, since nothing aligns what a hostile header points to. The caller has checked that it is there.
template <typename Part>
Part partAt(std::span<const char> bytes, std::size_t offset) {
    Part part;
    std::memcpy(&part, bytes.data() + offset, sizeof part);
    return part;
}

// Where a part of the file ends; an end no number can hold is beyond every file.
std::uint64_t endOf(std::uint64_t offset, std::uint64_t size) {
    constexpr auto kLargest = std::numeric_limits<std::uint64_t>::max();
    return size > kLargest - offset ? kLargest : offset + size;
}

Error cutOff(std::size_t there, std::uint64_t needed, std::string_view at_least = "") {
    return Error::refused("it is cut off: ", there, " of ", at_least, needed, " bytes; copy it again");
}

Result<void> checkHeader(const Header& header) {
    if (header.e_ident[EI_CLASS] != kClass || header.e_ident[EI_DATA] != kByteOrder ||
        (kMachine != EM_NONE && header.e_machine != kMachine)) {
        return Error::refused("it is an ELF file of another machine (class ", header.e_ident[EI_CLASS], ", machine ",
                              header.e_machine, "); build it for this one");
    }
    if (header.e_type != ET_DYN) {
        return Error::refused("it is an ELF file of type ", header.e_type,
                              ", not a shared object; link it with -shared");
    }
    if (header.e_phentsize != sizeof(Segment)) {
        return Error::refused("its ELF header is damaged: a program header of ", header.e_phentsize, " bytes, not ",
                              sizeof(Segment), "; copy it again");
    }
    return {};
}

}  // namespace

Result<void> checkElf(std::span<const char> bytes) {
    // First: text that is shorter than a header is called what it is, not a library that is cut off.
    if (!std::string_view(ELFMAG).starts_with(
            std::string_view(bytes.data(), std::min<std::size_t>(bytes.size(), SELFMAG)))) {
        return Error::refused("it is not an ELF file; put the built library there");
    }
    if (bytes.size() < sizeof(Header)) return cutOff(bytes.size(), sizeof(Header), "at least ");
    const auto header = partAt<Header>(bytes, 0);
    if (auto sound = checkHeader(header); !sound) return sound;
    const std::uint64_t table_end = endOf(header.e_phoff, std::uint64_t{header.e_phnum} * sizeof(Segment));
    if (table_end > bytes.size()) return cutOff(bytes.size(), table_end, "at least ");
    std::uint64_t needed = 0;
    for (std::size_t i = 0; i < header.e_phnum; ++i) {
        const auto segment = partAt<Segment>(bytes, header.e_phoff + i * sizeof(Segment));
        if (segment.p_type == PT_LOAD) needed = std::max(needed, endOf(segment.p_offset, segment.p_filesz));
    }
    if (needed > bytes.size()) return cutOff(bytes.size(), needed);
    return {};
}

}  // namespace howdah::kernel
