#include "kernel/transport/authenticator.hpp"

#include <algorithm>

namespace howdah::kernel {
namespace {

// Where the path begins.
std::size_t authorityEnd(std::string_view uri) {
    const std::size_t scheme = uri.find("://");
    const std::size_t begin = scheme == std::string_view::npos ? 0 : scheme + 3;
    return std::min(uri.find('/', begin), uri.size());
}

}  // namespace

std::string metadataUrl(std::string_view resource) {
    return concat(resource.substr(0, authorityEnd(resource)), kMetadataPath, pathOfUri(resource));
}

std::string_view pathOfUri(std::string_view uri) {
    const std::string_view path = uri.substr(authorityEnd(uri));
    return path == "/" ? std::string_view() : path;
}

std::string_view hostOfUri(std::string_view uri) {
    std::string_view host = uri.substr(0, authorityEnd(uri));
    if (const std::size_t scheme = host.find("://"); scheme != std::string_view::npos) host.remove_prefix(scheme + 3);
    const std::size_t bracket = host.find(']');
    if (bracket != std::string_view::npos) return host.substr(0, bracket + 1);
    return host.substr(0, host.find(':'));
}

}  // namespace howdah::kernel
