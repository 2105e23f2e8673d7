// The main of every unit test program. Ends with an error when no test case ran.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdio>

#include <doctest/doctest.h>

int main(int argc, char** argv) {
    struct Counter : doctest::IReporter {
        explicit Counter(const doctest::ContextOptions&) {}
        static unsigned& ran() {
            static unsigned count = 0;
            return count;
        }
        void report_query(const doctest::QueryData&) override {}
        void test_run_start() override {}
        void test_run_end(const doctest::TestRunStats& stats) override { ran() = stats.numTestCasesPassingFilters; }
        void test_case_start(const doctest::TestCaseData&) override {}
        void test_case_reenter(const doctest::TestCaseData&) override {}
        void test_case_end(const doctest::CurrentTestCaseStats&) override {}
        void test_case_exception(const doctest::TestCaseException&) override {}
        void subcase_start(const doctest::SubcaseSignature&) override {}
        void subcase_end() override {}
        void log_assert(const doctest::AssertData&) override {}
        void log_message(const doctest::MessageData&) override {}
        void test_case_skipped(const doctest::TestCaseData&) override {}
    };
    doctest::registerReporter<Counter>("counter", 0, false);
    doctest::Context context(argc, argv);
    int failed = context.run();
    if (context.shouldExit()) return failed;
    if (failed == 0 && Counter::ran() == 0) {
        std::fputs("no test case ran\n", stderr);
        return 1;
    }
    return failed;
}
