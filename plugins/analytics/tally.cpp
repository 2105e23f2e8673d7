#include "plugins/analytics/tally.hpp"

#include <algorithm>

namespace howdah::analytics {

void Tally::add(const Sample& sample) {
    ++calls;
    switch (sample.outcome) {
        case Outcome::rows: break;
        case Outcome::cached: ++cached; break;
        case Outcome::refused: ++refused; break;
        case Outcome::timeout: ++timeouts; break;
        case Outcome::cancelled: ++cancelled; break;
        case Outcome::failed: ++failed; break;
    }
    rows += sample.rows;
    bytes += sample.bytes;
    latency_ns += sample.latency_ns;
    database_ns += sample.database_ns;
    slowest_ns = std::max(slowest_ns, sample.latency_ns);
    if (sample.sqlstate[0] != '\0') last_sqlstate = sample.sqlstate;
    latency.add(sample.latency_ns);
}

void Tally::merge(const Tally& other) {
    for (const auto sum : kSums)
        this->*sum += other.*sum;
    slowest_ns = std::max(slowest_ns, other.slowest_ns);
    if (other.last_sqlstate[0] != '\0') last_sqlstate = other.last_sqlstate;
    latency.merge(other.latency);
}

}  // namespace howdah::analytics
