// Whether a file's bytes are a shared object of this machine that is there to its last loadable byte. The loader maps
// segments without looking at the file's size, and the first touch of a page beyond its end is SIGBUS, so this is asked
// before dlopen.
//
// Threads: a pure function; the bytes are hostile.
// Errors:  refused: no ELF file, another class, byte order, machine or type, or cut off, with the bytes that are there.
// Source:  elf(5), System V ABI chapters 4 and 5.
#pragma once

#include <span>

#include <howdah/result.hpp>

namespace howdah::kernel {

Result<void> checkElf(std::span<const char> bytes);

}  // namespace howdah::kernel
