#include "plugins/cache/ledger.hpp"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <random>

#include <sys/mman.h>
#include <unistd.h>

#include "plugins/cache/ledger_file.hpp"

namespace howdah::cache {
namespace {

constexpr std::uint64_t kMagic = 0x32656364656c6863;  // "chledce2"
constexpr std::size_t kHeaderBytes = 4096;
constexpr std::uint64_t kSecond_ns = 1'000'000'000;

std::uint64_t randomNumber() {
    std::random_device device;
    return (std::uint64_t{device()} << 32) | device();
}

// A process by its number and when it began; the boot it belongs to.
struct Identity {
    std::int64_t pid = 0;
    std::uint64_t started = 0;
    std::array<char, 40> boot{};
    bool operator==(const Identity&) const = default;
};

Identity ownIdentity() {
    Identity own;
    own.pid = getpid();
    std::string stat;
    std::getline(std::ifstream("/proc/self/stat"), stat);
    // Field 22; the name in field 2 may hold spaces and parentheses, but nothing after it does.
    std::size_t at = stat.rfind(')');
    for (int field = 2; field < 22 && at != std::string::npos; ++field)
        at = stat.find(' ', at + 1);
    if (at != std::string::npos) own.started = std::strtoull(stat.c_str() + at, nullptr, 10);
    std::string boot;
    std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), boot);
    std::copy_n(boot.begin(), std::min(boot.size(), own.boot.size()), own.boot.begin());
    return own;
}

}  // namespace

struct Ledger::Header {
    std::atomic<std::uint64_t> magic;
    std::uint64_t id;
    std::uint64_t seed;
    Identity owner;
    std::atomic<std::uint32_t> instances;
    std::atomic<std::uint32_t> narrow_writes;    // under way, of Reach::relations
    std::atomic<std::uint32_t> crossed_until_s;  // until then one may come true that reaches more than was known
};

static_assert(std::atomic<std::uint64_t>::is_always_lock_free && std::atomic<std::uint32_t>::is_always_lock_free,
              "they are shared through a file");

Result<std::unique_ptr<Ledger>> Ledger::open(const Places& places, std::uint64_t now_ns) {
    static_assert(sizeof(Header) <= kHeaderBytes && sizeof(Slot) == 16);
    constexpr std::size_t kBytes = kHeaderBytes + kSlots * sizeof(Slot);
    auto file = lockedFile(places.folder + "/epochs", kBytes);
    if (!file) return std::move(file).error();
    const bool lasting = *file >= 0;
    if (!lasting) {
        file = lockedFile(concat(places.folder, "/epochs.", getpid()), kBytes);
        if (!file) return std::move(file).error();
        if (*file < 0) return Error::unavailable("another process has locked ", places.folder, "/epochs.", getpid());
    }
    removeLeftovers(places.folder, "epochs.");
    void* const mapping = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_SHARED, *file, 0);
    if (mapping == MAP_FAILED)
        return Error::unavailable("cannot map ", places.folder, "/epochs: ", std::strerror(errno));
    std::unique_ptr<Ledger> ledger(new Ledger(mapping, lasting, places.unsettled_ns));
    ledger->takeOver(now_ns);
    ledger->header().instances.fetch_add(1);
    return ledger;
}

Ledger::Ledger(void* mapping, bool lasting, std::uint64_t unsettled_ns)
    : mapping_(mapping), lasting_(lasting), unsettled_ns_(unsettled_ns) {}

Ledger::~Ledger() {
    header().instances.fetch_sub(1);
    munmap(mapping_, kHeaderBytes + kSlots * sizeof(Slot));
}

// From another instance of this process everything is taken as it is, unless there was none for a while and writes may
// have gone by unseen. After another process its writes that have not ended may still come true; after another boot
// nothing is known, as what was written last may not have reached the disk.
void Ledger::takeOver(std::uint64_t now_ns) {
    const Identity own = ownIdentity();
    Header& head = header();
    if (head.magic == kMagic && head.owner == own) {
        if (head.instances == 0) move(slotOf(0, 0));
        return;
    }
    if (head.magic != kMagic || head.owner.boot != own.boot || head.id == 0) {
        head.magic = 0;  // first and last: half a file is none
        std::memset(static_cast<char*>(mapping_) + sizeof head.magic, 0,
                    kHeaderBytes + kSlots * sizeof(Slot) - sizeof head.magic);
        head.id = randomNumber() | 1;
        head.seed = randomNumber();
        head.magic = kMagic;
    }
    for (Slot& slot : slots()) {
        if (slot.writing.load() == 0) continue;
        raise(slot.unsettled_until_s, heldUntil(now_ns));
        slot.epoch.fetch_add(1);
        slot.writing.store(0);
    }
    if (const std::uint32_t crossed_until_s = head.crossed_until_s.load(); crossed_until_s > now_ns / kSecond_ns) {
        Slot& everything = slots()[slotOf(0, 0)];
        raise(everything.unsettled_until_s, crossed_until_s);
        everything.epoch.fetch_add(1);
    }
    head.crossed_until_s = 0;
    head.narrow_writes = 0;
    head.instances = 0;
    std::atomic_signal_fence(std::memory_order_seq_cst);  // whose it is comes last
    head.owner = own;
}

std::uint32_t Ledger::heldUntil(std::uint64_t now_ns) const {
    return static_cast<std::uint32_t>((now_ns + unsettled_ns_) / kSecond_ns + 1);
}

void Ledger::raise(std::atomic<std::uint32_t>& seconds, std::uint32_t until) {
    std::uint32_t before = seconds.load();
    while (before < until && !seconds.compare_exchange_weak(before, until)) {
    }
}

Ledger::Header& Ledger::header() const {
    return *static_cast<Header*>(mapping_);
}
std::span<Ledger::Slot> Ledger::slots() const {
    return {reinterpret_cast<Slot*>(static_cast<char*>(mapping_) + kHeaderBytes), kSlots};
}
std::uint64_t Ledger::id() const {
    return header().id;
}
std::uint64_t Ledger::seed() const {
    return header().seed;
}

std::uint32_t Ledger::slotOf(std::uint32_t database, std::uint32_t relation) {
    const std::uint64_t both = (std::uint64_t{database} << 32 | relation) * 0x9e3779b97f4a7c15ULL;
    return static_cast<std::uint32_t>(both >> 48);
}

Footing Ledger::footing(std::uint32_t slot) const {
    return {slot, slots()[slot].epoch.load()};
}

bool Ledger::stands(std::span<const Footing> footings) const {
    const auto all = slots();
    return std::all_of(footings.begin(), footings.end(), [&](const Footing& footing) {
        return footing.slot < kSlots && all[footing.slot].epoch.load() == footing.epoch;
    });
}

bool Ledger::isQuiet(std::uint32_t slot, std::uint64_t now_ns) const {
    const Slot& looked = slots()[slot];
    return looked.writing.load() == 0 && looked.unsettled_until_s.load() <= now_ns / kSecond_ns;
}

// A read that notes the epoch from before sees it move; one that notes the epoch from behind sees the write under way.
// It notes the epoch first and then asks whether it is quiet.
void Ledger::beginWrite(std::span<const std::uint32_t> written, Reach reach) {
    if (reach == Reach::relations) header().narrow_writes.fetch_add(1);
    for (const std::uint32_t slot : written) {
        slots()[slot].writing.fetch_add(1);
        slots()[slot].epoch.fetch_add(1);
    }
}

void Ledger::endWrite(std::span<const std::uint32_t> written, bool settled, std::uint64_t now_ns, Reach reach) {
    if (reach == Reach::database && header().narrow_writes.load() > 0)
        raise(header().crossed_until_s, heldUntil(now_ns));
    for (const std::uint32_t slot : written) {
        if (!settled) raise(slots()[slot].unsettled_until_s, heldUntil(now_ns));
        slots()[slot].epoch.fetch_add(1);
        slots()[slot].writing.fetch_sub(1);
    }
    if (reach == Reach::relations) header().narrow_writes.fetch_sub(1);
}

void Ledger::move(std::uint32_t slot) {
    slots()[slot].epoch.fetch_add(1);
}

}  // namespace howdah::cache
