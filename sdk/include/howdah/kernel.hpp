// What a plugin asks the kernel once, at its start: its folders and the configured databases.
//
// Errors: those of howdah_kernel_v1, with what the kernel says of them.
#pragma once

#include <string>

#include <howdah/call.hpp>

namespace howdah {

// An absolute path without a slash at its end. `which`: HOWDAH_PATH_PLUGIN or HOWDAH_PATH_STATE; the second is made,
// 0700.
inline Result<std::string> pathOf(const Context& context, std::uint32_t which) {
    const Host& host = context.host();
    howdah_str path{};
    if (auto known = context.check(host.kernel().path(host.raw(), context.raw(), which, &path)); !known)
        return std::move(known).error();
    return std::string(fromAbi(path));
}

// An array of objects, in the order of the configuration: what howdah_kernel_v1.databases() says of each.
inline Result<Json> configuredDatabases(const Context& context) {
    const Host& host = context.host();
    howdah_str text{};
    if (auto listed = context.check(host.kernel().databases(host.raw(), context.raw(), &text)); !listed)
        return std::move(listed).error();
    return Json::parse(fromAbi(text));
}

}  // namespace howdah
