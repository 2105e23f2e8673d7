// Texts on their way to a thread with a large stack. The waiting fiber may give up first, so both sides share the text.
//
// Threads: any.
// Owns:    each text until who waits and who works have let go.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "plugins/guard/classify.hpp"
#include "plugins/guard/snapshot_keeper.hpp"
#include "plugins/guard/tree.hpp"

namespace howdah::guard {

class LongTexts {
public:
    struct Judged {
        Result<Facts> facts;
        std::uint64_t fingerprint;  // 0: nobody wants it
    };
    struct Text {
        std::string sql;
        Path path;
        CatalogView view;
        std::optional<Judged> result;
    };

    std::pair<std::uint64_t, std::shared_ptr<Text>> add(std::string_view sql, Path path, const CatalogView& view) {
        auto text = std::make_shared<Text>(Text{std::string(sql), path, view, std::nullopt});
        const std::lock_guard lock(mutex_);
        texts_.emplace(++last_token_, text);
        return {last_token_, text};
    }
    std::shared_ptr<Text> take(std::uint64_t token) {
        const std::lock_guard lock(mutex_);
        auto node = texts_.extract(token);
        return node.empty() ? nullptr : std::move(node.mapped());
    }

private:
    std::mutex mutex_;
    std::uint64_t last_token_ = 0;
    std::unordered_map<std::uint64_t, std::shared_ptr<Text>> texts_;
};

}  // namespace howdah::guard
