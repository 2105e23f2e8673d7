#include "plugins/health/state_file.hpp"

#include <fstream>

#include <nlohmann/json.hpp>

#include <howdah/replace_file.hpp>

namespace howdah::health {
namespace {

constexpr int kFormat = 1;
constexpr std::size_t kBytesMax = 16u << 20;

}  // namespace

std::map<std::string, History> readState(const std::string& path) {
    std::map<std::string, History> histories;
    std::ifstream file(path, std::ios::binary);
    if (!file) return histories;
    std::string text(kBytesMax + 1, '\0');
    file.read(text.data(), static_cast<std::streamsize>(text.size()));
    text.resize(static_cast<std::size_t>(file.gcount()));
    if (text.size() > kBytesMax) return histories;
    try {
        const auto json = nlohmann::json::parse(text);
        if (json.at("format") != kFormat) return histories;
        for (const auto& [name, history] : json.at("databases").items())
            histories.emplace(name, History::fromJson(history));
    } catch (const nlohmann::json::exception&) {
        histories.clear();  // damaged, or somebody else's: learning begins anew
    }
    return histories;
}

std::string stateText(const std::map<std::string, nlohmann::json>& histories) {
    return nlohmann::json{{"format", kFormat}, {"databases", histories}}.dump();
}

Result<void> writeState(const std::string& path, const std::string& text) {
    return replaceFile(path, text, Durable::no);  // what is lost is learned again
}

}  // namespace howdah::health
