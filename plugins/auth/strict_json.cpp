#include "strict_json.hpp"

#include <string>
#include <unordered_set>
#include <vector>

namespace howdah::auth {

std::optional<Json> parseStrictObject(std::string_view text, std::size_t depth_max) {
    std::vector<std::unordered_set<std::string>> open;  // the keys so far of each object around
    bool sound = true;
    std::size_t depth = 0;
    auto watch = [&](int, Json::parse_event_t event, Json& parsed) {
        using Event = Json::parse_event_t;
        switch (event) {
            case Event::object_start: open.emplace_back(); [[fallthrough]];
            case Event::array_start: sound = sound && ++depth <= depth_max; break;
            case Event::key:
                sound = sound && !open.empty() && open.back().insert(parsed.get<std::string>()).second;
                break;
            case Event::object_end:
                if (!open.empty()) open.pop_back();
                [[fallthrough]];
            case Event::array_end: --depth; break;
            case Event::value: break;
        }
        return sound;  // what follows a fault is not kept
    };
    Json json = Json::parse(text, watch, false);
    if (!sound || !json.is_object()) return std::nullopt;
    return json;
}

}  // namespace howdah::auth
