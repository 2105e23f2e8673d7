#include "kernel/base/immortal.hpp"

#include <mutex>
#include <set>
#include <string>

namespace howdah::kernel {

const char* immortal(std::string_view text) {
    static std::mutex mutex;
    static std::set<std::string, std::less<>>& texts = *new std::set<std::string, std::less<>>;
    std::lock_guard lock(mutex);
    return texts.emplace(text).first->c_str();
}

}  // namespace howdah::kernel
