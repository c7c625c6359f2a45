#include "selection/nsga2.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

namespace homeward::selection {
namespace {

constexpr std::uint32_t kRepeated = std::numeric_limits<std::uint32_t>::max();

bool same_vector(const Cost& a, const Cost& b) {
    return a.power == b.power && a.shortfall == b.shortfall;
}

}  // namespace

Nsga2::Settings Nsga2::improved(std::uint32_t generations) {
    return {.generations = generations, .distinct = true, .spread_start = true, .exchange = 0.5};
}

Nsga2::Nsga2(const Settings& settings) : settings_(settings) {
    const std::size_t all = settings.population + settings.offspring;
    pool_.resize(all);
    chosen_.reserve(all);
    free_.reserve(all);
    everyone_.reserve(all);
    ends_.reserve(all);
    mating_.reserve(settings.parents);
    front_.reserve(all);
}

std::uint64_t Nsga2::gene(const Chromosome& bits, std::size_t flow) const {
    std::uint64_t value = 0;
    for (std::uint32_t bit = 0; bit < flow_bits_; ++bit) {
        const std::size_t place = flow * flow_bits_ + bit;
        value |= (bits[place / 64] >> (place % 64) & 1U) << bit;
    }
    return value;
}

void Nsga2::put_gene(Chromosome& bits, std::size_t flow, std::uint64_t value) const {
    for (std::uint32_t bit = 0; bit < flow_bits_; ++bit) {
        const std::size_t place = flow * flow_bits_ + bit;
        const std::uint64_t mask = std::uint64_t{1} << (place % 64);
        bits[place / 64] = (bits[place / 64] & ~mask) | (value >> bit & 1U) << (place % 64);
    }
}

/// A value that is too large wraps, one that names an interface that is not there goes to the next that is; the
/// chromosome is written anew, so that it says what it means.
void Nsga2::decode(Individual& individual) const {
    const auto& available = model_.available();
    for (std::size_t flow = 0; flow < model_.flows(); ++flow) {
        const auto wanted = static_cast<std::uint8_t>(gene(individual.bits, flow) % model_.interfaces());
        const auto* found =
            std::find_if(available.begin(), available.end(), [&](std::uint8_t j) { return j >= wanted; });
        individual.assignment[flow] = found == available.end() ? available[0] : *found;
    }
    encode(individual);
    individual.cost = model_.evaluate(individual.assignment);
}

void Nsga2::encode(Individual& individual) const {
    individual.bits.fill(0);
    for (std::size_t flow = 0; flow < model_.flows(); ++flow) {
        put_gene(individual.bits, flow, individual.assignment[flow] == kParked ? 0 : individual.assignment[flow]);
    }
}

void Nsga2::draw(Individual& individual, Random& random) const {
    if (!settings_.spread_start) {
        std::generate(individual.bits.begin(), individual.bits.end(), [&] { return random.next(); });
        return;
    }
    Bounded<std::uint8_t, kMaxInterfaces> used;
    while (used.empty()) {
        for (const std::uint8_t j : model_.available()) {
            if (random.chance(0.5)) {
                used.push_back(j);
            }
        }
    }
    for (std::size_t flow = 0; flow < model_.flows(); ++flow) {
        individual.assignment[flow] = used[random.below(static_cast<std::uint32_t>(used.size()))];
    }
    encode(individual);
}

void Nsga2::start(std::span<const Assignment> warm, Random& random) {
    chosen_.clear();
    free_.clear();
    for (std::uint32_t i = 0; i < pool_.size(); ++i) {
        (i < settings_.population ? chosen_ : free_).push_back(i);
    }
    for (const std::uint32_t i : chosen_) {
        Individual& individual = pool_[i];
        if (i < warm.size()) {
            individual.assignment = warm[i];
            encode(individual);
        } else {
            draw(individual, random);
        }
        decode(individual);
    }
}

std::uint32_t Nsga2::tournament(Random& random) const {
    const auto count = static_cast<std::uint32_t>(chosen_.size());
    const std::uint32_t a = chosen_[random.below(count)];
    const std::uint32_t b = chosen_[random.below(count)];
    if (pool_[a].rank != pool_[b].rank) {
        return pool_[a].rank < pool_[b].rank ? a : b;
    }
    if (pool_[a].crowding != pool_[b].crowding) {
        return pool_[a].crowding > pool_[b].crowding ? a : b;
    }
    return random.chance(0.5) ? a : b;
}

/// One point: the bits below it change places.
void Nsga2::cross(Chromosome& a, Chromosome& b, Random& random) const {
    if (length_ < 2 || !random.chance(settings_.crossover)) {
        return;
    }
    const std::uint32_t point = 1 + random.below(length_ - 1);
    for (std::uint32_t word = 0; word <= point / 64; ++word) {
        const std::uint64_t mask = word < point / 64 ? ~std::uint64_t{0} : (std::uint64_t{1} << (point % 64)) - 1;
        const std::uint64_t differ = (a[word] ^ b[word]) & mask;
        a[word] ^= differ;
        b[word] ^= differ;
    }
}

/// Every bit flips by itself; the gaps between flips are geometric, which costs one number a flip.
void Nsga2::flip(Chromosome& bits, Random& random) const {
    double place = std::floor(std::log(1 - random.uniform()) / log_keep_);
    while (place < length_) {
        const auto bit = static_cast<std::uint32_t>(place);
        bits[bit / 64] ^= std::uint64_t{1} << (bit % 64);
        place += 1 + std::floor(std::log(1 - random.uniform()) / log_keep_);
    }
}

void Nsga2::mutate(Chromosome& bits, Random& random) const {
    const auto flows = static_cast<std::uint32_t>(model_.flows());
    if (settings_.exchange <= 0 || flows < 2 || !random.chance(settings_.exchange)) {
        flip(bits, random);
        return;
    }
    const std::size_t a = random.below(flows);
    const std::size_t b = random.below(flows);
    const std::uint64_t kept = gene(bits, a);
    put_gene(bits, a, gene(bits, b));
    put_gene(bits, b, kept);
}

/// Mutates and prices a child of these two.
void Nsga2::finish(Individual& child, const Chromosome& mother, const Chromosome& father, Random& random) const {
    constexpr int kTries = 8;  // few chromosomes may be all there are
    mutate(child.bits, random);
    for (int i = 1; settings_.distinct && i < kTries && (child.bits == mother || child.bits == father); ++i) {
        mutate(child.bits, random);
    }
    decode(child);
}

void Nsga2::breed(Random& random) {
    mating_.clear();
    for (std::uint32_t i = 0; i < settings_.parents; ++i) {
        mating_.push_back(tournament(random));
    }
    for (std::size_t i = 0; i < free_.size(); i += 2) {
        const Chromosome& mother = pool_[mating_[i % mating_.size()]].bits;
        const Chromosome& father = pool_[mating_[(i + 1) % mating_.size()]].bits;
        Individual& first = pool_[free_[i]];
        Chromosome other = father;
        first.bits = mother;
        cross(first.bits, other, random);
        finish(first, mother, father, random);
        if (i + 1 < free_.size()) {
            Individual& second = pool_[free_[i + 1]];
            second.bits = other;
            finish(second, mother, father, random);
        }
    }
}

/// `everyone_` in ascending order of objectives: those that repeat what stands before them compete no more.
void Nsga2::mark_repeats() {
    for (std::size_t i = 1; i < everyone_.size(); ++i) {
        if (same_vector(pool_[everyone_[i]].cost, pool_[everyone_[i - 1]].cost)) {
            pool_[everyone_[i]].rank = kRepeated;
        }
    }
}

/// Ranks by two objectives in N log N: in ascending order of power an individual is dominated by a front exactly when
/// the smallest shortfall of that front so far is not larger than its own, unless both are the same vector.
void Nsga2::sort_fronts() {
    const auto before_by_cost = [&](std::uint32_t a, std::uint32_t b) {
        const Cost& x = pool_[a].cost;
        const Cost& y = pool_[b].cost;
        return x.power != y.power ? x.power < y.power : x.shortfall != y.shortfall ? x.shortfall < y.shortfall : a < b;
    };
    std::sort(everyone_.begin(), everyone_.end(), before_by_cost);
    ends_.clear();
    const Individual* before = nullptr;
    for (const std::uint32_t i : everyone_) {
        Individual& individual = pool_[i];
        individual.crowding = 0;
        if (before != nullptr && same_vector(before->cost, individual.cost)) {
            individual.rank = before->rank;
            continue;
        }
        const auto front = std::partition_point(ends_.begin(), ends_.end(),
                                                [&](std::int64_t end) { return end <= individual.cost.shortfall; });
        individual.rank = static_cast<std::uint32_t>(front - ends_.begin());
        if (front == ends_.end()) {
            ends_.push_back(individual.cost.shortfall);
        } else {
            *front = individual.cost.shortfall;
        }
        before = &individual;
    }
    if (settings_.distinct) {
        mark_repeats();
    }
    std::sort(everyone_.begin(), everyone_.end(), [&](std::uint32_t a, std::uint32_t b) {  // stable_sort would allocate
        return pool_[a].rank != pool_[b].rank ? pool_[a].rank < pool_[b].rank : before_by_cost(a, b);
    });
}

void Nsga2::crowd_by(std::span<std::uint32_t> front, std::int64_t Cost::*objective) {
    const auto value = [&](std::uint32_t i) { return pool_[i].cost.*objective; };
    std::sort(front.begin(), front.end(),
              [&](std::uint32_t a, std::uint32_t b) { return value(a) != value(b) ? value(a) < value(b) : a < b; });
    const auto range = static_cast<double>(value(front.back()) - value(front.front()));
    if (range <= 0) {
        return;
    }
    pool_[front.front()].crowding = pool_[front.back()].crowding = std::numeric_limits<double>::infinity();
    for (std::size_t k = 1; k + 1 < front.size(); ++k) {
        pool_[front[k]].crowding += static_cast<double>(value(front[k + 1]) - value(front[k - 1])) / range;
    }
}

void Nsga2::crowd(std::span<std::uint32_t> front) {
    crowd_by(front, &Cost::power);
    crowd_by(front, &Cost::shortfall);
}

/// Whole fronts while they fit; of the one that does not, those with most room around them.
void Nsga2::select() {
    sort_fronts();
    for (std::size_t begin = 0; begin < everyone_.size() && begin < settings_.population;) {
        std::size_t end = begin;
        while (end < everyone_.size() && pool_[everyone_[end]].rank == pool_[everyone_[begin]].rank) {
            ++end;
        }
        const std::span<std::uint32_t> front{everyone_.data() + begin, end - begin};
        crowd(front);
        if (end > settings_.population) {
            std::sort(front.begin(), front.end(), [&](std::uint32_t a, std::uint32_t b) {
                return pool_[a].crowding != pool_[b].crowding ? pool_[a].crowding > pool_[b].crowding : a < b;
            });
        }
        begin = end;
    }
    const auto middle = everyone_.begin() + settings_.population;
    chosen_.assign(everyone_.begin(), middle);
    free_.assign(middle, everyone_.end());
}

void Nsga2::collect_front() {
    front_.clear();
    for (const std::uint32_t i : chosen_) {
        if (pool_[i].rank == 0) {
            front_.push_back(i);
        }
    }
    const auto before = [&](std::uint32_t a, std::uint32_t b) {
        const Cost& x = pool_[a].cost;
        const Cost& y = pool_[b].cost;
        return x.power != y.power ? x.power < y.power : x.moves != y.moves ? x.moves < y.moves : a < b;
    };
    std::sort(front_.begin(), front_.end(), before);
    front_.erase(std::unique(front_.begin(), front_.end(),
                             [&](auto a, auto b) { return same_vector(pool_[a].cost, pool_[b].cost); }),
                 front_.end());
}

void Nsga2::solve(const AssignmentProblem& problem, std::span<const Assignment> warm, Random& random,
                  const Deadline& deadline) {
    model_.prepare(problem, false);
    generations_ = 0;
    front_.clear();
    chosen_.clear();
    if (model_.available().empty()) {
        return;
    }
    flow_bits_ = std::max(1U, static_cast<std::uint32_t>(std::bit_width(model_.interfaces() - 1)));
    length_ = static_cast<std::uint32_t>(model_.flows()) * flow_bits_;
    const double mutation = settings_.mutation > 0 ? settings_.mutation : 1.0 / std::max(2U, length_);
    log_keep_ = std::log1p(-std::min(mutation, 0.999));
    start(warm, random);
    everyone_.assign(chosen_.begin(), chosen_.end());
    sort_fronts();
    for (; generations_ < settings_.generations && !deadline.passed(); ++generations_) {
        breed(random);
        everyone_.assign(chosen_.begin(), chosen_.end());
        everyone_.insert(everyone_.end(), free_.begin(), free_.end());
        select();
    }
    collect_front();
}

}  // namespace homeward::selection
