// One statement's judgement, in the form the kernel takes it.
//
// Threads: immutable, shared as const.
// Owns:    the texts that abi() points to.
#pragma once

#include <vector>

#include <howdah/abi/statement.h>
#include <howdah/result.hpp>

#include "plugins/guard/facts.hpp"

namespace howdah::guard {

class Judgement {
public:
    explicit Judgement(Result<Facts> result, std::uint64_t fingerprint = 0);
    Judgement(const Judgement&) = delete;
    Judgement& operator=(const Judgement&) = delete;

    const Result<Facts>& result() const { return result_; }
    std::uint64_t fingerprint() const { return abi_.fingerprint; }  // 0 = not computed
    const howdah_facts& abi() const { return abi_; }                // only of a statement that passed

private:
    Result<Facts> result_;
    std::vector<howdah_name> tables_;
    std::vector<howdah_name> functions_;
    howdah_facts abi_{};
};

}  // namespace howdah::guard
