// What both ends of the control socket share: the address, one line in or out within a time limit, descriptors.
//
// Threads: any; the functions block, at most until the deadline.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <sys/un.h>

#include <howdah/result.hpp>

#include "kernel/runtime/deadline.hpp"

namespace howdah::kernel {

class Descriptor {
public:
    Descriptor() = default;
    explicit Descriptor(int descriptor) : descriptor_(descriptor) {}
    Descriptor(Descriptor&& other) noexcept : descriptor_(other.descriptor_) { other.descriptor_ = -1; }
    Descriptor& operator=(Descriptor&& other) noexcept;
    ~Descriptor();

    int get() const { return descriptor_; }
    explicit operator bool() const { return descriptor_ >= 0; }

private:
    int descriptor_ = -1;
};

Result<sockaddr_un> controlAddress(std::string_view path);

// False when the deadline came first.
bool waitFor(int descriptor, short events, Deadline deadline);

// Sends the text and a line break.
Result<void> sendLine(int descriptor, std::string_view text, Deadline deadline);
// Reads up to a line break, which is not part of the line.
Result<std::string> receiveLine(int descriptor, std::size_t bytes_max, Deadline deadline);

}  // namespace howdah::kernel
