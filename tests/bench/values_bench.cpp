// How fast rows become JSON, CSV and Markdown: 100,000 rows of 9 columns, about 230 bytes of JSON a row.
//
//   values_bench [repeats]
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include <howdah/values.hpp>

namespace {

using namespace howdah;
using Clock = std::chrono::steady_clock;

constexpr int kRows = 100'000;

struct Workload {
    std::vector<howdah_column> columns;
    std::vector<BatchBuilder> batches;
};

howdah_column column(std::string_view name, std::uint32_t oid) {
    return {toAbi(name), oid, -1};
}

Workload mixedRows() {
    Workload work;
    work.columns = {column("id", 23),     column("account", 20),   column("name", 25),
                    column("email", 25),  column("balance", 1700), column("ratio", 701),
                    column("active", 16), column("created", 1184), column("note", 25)};
    for (int i = 0; i < kRows; ++i) {
        if (i % 300 == 0) work.batches.emplace_back();  // near 64 KiB
        BatchBuilder& batch = work.batches.back();
        const std::string number = std::to_string(i);
        batch.cell(number);
        batch.cell("90071992547" + std::to_string(10000 + i % 10000));
        batch.cell("Customer number " + number + " of the eastern branch");
        batch.cell("customer." + number + "@mail.example.org");
        batch.cell(std::to_string(i * 17 % 1'000'000) + ".25");
        batch.cell("0." + std::to_string(1234567890123456 + i));
        batch.cell(i % 3 == 0 ? "t" : "f");
        batch.cell("2024-02-29 12:34:56." + std::to_string(100000 + i % 900000) + "+00");
        if (i % 5 == 0) {
            batch.cell(std::nullopt);
        } else {
            batch.cell("A note with \"quotes\", a line\nbreak and some more ordinary words behind");
        }
        batch.endRow();
    }
    return work;
}

Workload oneColumn(std::uint32_t oid, std::string_view value) {
    Workload work;
    work.columns = {column("v", oid)};
    for (int i = 0; i < kRows; ++i) {
        if (i % 300 == 0) work.batches.emplace_back();
        work.batches.back().cell(value);
        work.batches.back().endRow();
    }
    return work;
}

// The best of several runs: the machine is rarely idle.
template <typename Row>
void measure(const char* label, const Workload& work, int repeats, Row&& row) {
    double best = 1e9;
    std::size_t bytes = 0;
    std::string out;
    for (int i = 0; i < repeats; ++i) {
        bytes = 0;
        const auto start = Clock::now();
        for (const BatchBuilder& builder : work.batches) {
            out.clear();  // as a stream does: a batch is written and sent
            howdah_batch batch = builder.batch();
            BatchReader reader(batch, work.columns.size());
            while (reader.next())
                row(out, reader.cells());
            bytes += out.size();
        }
        best = std::min(best, std::chrono::duration<double>(Clock::now() - start).count());
    }
    std::printf("%-28s %8.0f MB/s %8.1f ns/row %8.1f B/row\n", label, static_cast<double>(bytes) / best / 1e6,
                best * 1e9 / kRows, static_cast<double>(bytes) / kRows);
}

void measureJson(const char* label, const Workload& work, int repeats) {
    RowEncoder encoder(work.columns);
    measure(label, work, repeats,
            [&](std::string& out, std::span<const Cell> cells) { encoder.appendJsonRow(out, cells); });
}

}  // namespace

int main(int argc, char** argv) {
    const int repeats = argc > 1 ? std::max(1, std::stoi(argv[1])) : 15;
    const Workload mixed = mixedRows();
    measureJson("json, mixed", mixed, repeats);
    measure("csv, mixed", mixed, repeats,
            [](std::string& out, std::span<const Cell> cells) { appendCsvRow(out, cells); });
    measure("markdown, mixed", mixed, repeats,
            [](std::string& out, std::span<const Cell> cells) { appendMarkdownRow(out, cells); });
    measureJson("json, int4", oneColumn(23, "123456"), repeats);
    measureJson("json, float8", oneColumn(701, "0.30000000000000004"), repeats);
    measureJson("json, timestamptz", oneColumn(1184, "2024-02-29 12:34:56.123456+00"), repeats);
    measureJson("json, text 100 ascii", oneColumn(25, std::string(100, 'x')), repeats);
    std::string cyrillic;
    for (int i = 0; i < 50; ++i)
        cyrillic += "\xd0\xb6";
    measureJson("json, text 50 cyrillic", oneColumn(25, cyrillic), repeats);
    measureJson("json, int4[] of 8", oneColumn(1007, "{1,22,333,4444,55555,NULL,7,8}"), repeats);
    measureJson("json, text[] quoted", oneColumn(1009, R"({"a b","c\"d",e,"f, g"})"), repeats);
    measureJson("json, bytea 48", oneColumn(17, "\\x" + std::string(96, 'a')), repeats);

    const Workload documents =
        oneColumn(3802, R"({"id": 17, "tags": ["a", "b"], "price": 12.50, "seen": null, "ok": true})");
    RowEncoder encoder(documents.columns);
    encoder.beginJsonPass();
    measure("jsonb, decide only", documents, repeats, [&](std::string& out, std::span<const Cell> cells) {
        encoder.inspect(cells);
        out.append(cells[0].text().size(), ' ');  // counts the bytes looked at
    });
    encoder.endJsonPass();
    measure("jsonb, splice", documents, repeats,
            [&](std::string& out, std::span<const Cell> cells) { encoder.appendJsonRow(out, cells); });
    return 0;
}
