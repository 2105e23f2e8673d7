// Source:  SVG 1.1, W3C Recommendation.
#include <algorithm>
#include <cmath>

#include "plugins/optimizer/plan_text.hpp"

namespace howdah::optimizer {
namespace {

constexpr int kLine = 34;     // pixels from node to node
constexpr int kIndent = 18;   // of a child
constexpr int kBars = 620;    // where the bars begin
constexpr int kBarMax = 320;  // width of the whole
constexpr std::size_t kTitleMax = 84;

void appendXml(std::string& out, std::string_view text) {
    for (const char c : text) {
        switch (c) {
            case '<': out += "&lt;"; break;
            case '>': out += "&gt;"; break;
            case '&': out += "&amp;"; break;
            case '"': out += "&quot;"; break;
            default: out += static_cast<unsigned char>(c) < 0x20 ? ' ' : c;  // XML 1.0 has no control characters
        }
    }
}

// Never inside of a character.
std::string shortened(const std::string& text, std::size_t max) {
    if (text.size() <= max) return text;
    std::size_t end = max;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80)
        --end;
    return text.substr(0, end) + "…";
}

class Picture {
public:
    explicit Picture(const Plan& plan) : plan_(plan) {}

    std::string run() {
        add(plan_.root, 0, -1);
        const int height = line_ * kLine + 40;
        std::string out = concat("<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"", kBars + kBarMax + 140,
                                 "\" height=\"", height, "\" font-family=\"sans-serif\" font-size=\"13\">\n",
                                 "<rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n", body_, "</svg>\n");
        return out;
    }

private:
    void add(const PlanNode& node, int depth, int parent_y) {
        const int y = 12 + line_++ * kLine;
        const int x = 12 + std::min(depth, 20) * kIndent;
        if (parent_y >= 0) {
            body_ += concat("<path d=\"M", x - kIndent + 5, " ", parent_y + 22, " V", y + 10, " H", x - 2,
                            "\" fill=\"none\" stroke=\"#9aa5b1\" stroke-width=\"", lineWidth(node), "\"/>\n");
        }
        const double self = selfShare(plan_, node);
        const bool measured = plan_.measured();
        const double whole = measured ? plan_.root.total_ms : plan_.root.total_cost;
        const double total = whole > 0 ? std::clamp((measured ? node.total_ms : node.total_cost) / whole, 0.0, 1.0) : 0;
        text(x, y + 14, shortened(titleOf(node), kTitleMax), "#1f2933", self >= 0.2 ? "bold" : "normal");
        std::string rows = concat("rows ", shortNumber(node.plan_rows));
        if (node.measured) rows += concat(" expected, ", shortNumber(node.actual_rows), " met");
        if (node.loops > 1) rows += concat(" x ", shortNumber(node.loops));
        const bool far_off = std::fabs(node.estimateError()) >= 10;
        text(x, y + 27, rows, far_off ? "#c81e1e" : "#7b8794", "normal", 10);
        bar(y, total, "#cbd2d9");
        bar(y, self, self >= 0.5 ? "#c81e1e" : self >= 0.2 ? "#e8871e" : "#3e7cb1");
        text(kBars + kBarMax + 8, y + 14,
             measured ? concat(shortNumber(node.self_ms), " ms, ", shortNumber(std::round(self * 100)), " %")
                      : concat("cost ", shortNumber(node.self_cost), ", ", shortNumber(std::round(self * 100)), " %"),
             "#1f2933", "normal", 11);
        for (const PlanNode& child : node.children)
            add(child, depth + 1, y);
    }
    // One for a row, ten for a billion.
    static int lineWidth(const PlanNode& node) {
        const double rows = node.measured ? node.actual_rows * std::max(node.loops, 1.0) : node.plan_rows;
        return 1 + static_cast<int>(std::log10(std::max(rows, 1.0)));
    }
    void bar(int y, double share, const char* colour) {
        const int width = static_cast<int>(std::lround(share * kBarMax));
        if (width == 0) return;
        body_ += concat("<rect x=\"", kBars, "\" y=\"", y + 4, "\" width=\"", width, "\" height=\"14\" fill=\"", colour,
                        "\"/>\n");
    }
    void text(int x, int y, const std::string& words, const char* colour, const char* weight, int size = 13) {
        body_ += concat("<text x=\"", x, "\" y=\"", y, "\" fill=\"", colour, "\" font-weight=\"", weight,
                        "\" font-size=\"", size, "\">");
        appendXml(body_, words);
        body_ += "</text>\n";
    }

    const Plan& plan_;
    std::string body_;
    int line_ = 0;
};

}  // namespace

std::string planPicture(const Plan& plan) {
    return Picture(plan).run();
}

}  // namespace howdah::optimizer
