// A generation made by hand, whose tools are functions in this test program: callTool() is defined here instead of in
// the pipeline, so that these tests show the protocol and nothing else.
#pragma once

#include <string>

#include "kernel/host/generation.hpp"

namespace howdah::kernel::test {

// Tools: echo, rows, only_structured, pretty, limited, sql_error, denied, missing, bad_value, slow, steps, large,
// half_way. `extra` adds one more, so that the list differs; `extra_prompt` a prompt. Prompt: about. Resources:
// note:///1 to 3.
GenerationPin fakeGeneration(bool extra = false, bool extra_prompt = false);

// What connectClient() does and saw.
struct Greetings {
    static int count();
    static void reset();
    static void deny(bool denied);
};

}  // namespace howdah::kernel::test
