// The bench of a compiled design: `bench DESIGN < stimulus > rows`. It prints the seconds it took on stderr.
//
// It decides every cycle as `Driver` in sim/bench.py does and writes one row a cycle, which the other process judges.

#include "bench.h"

#include <chrono>
#include <cstdio>
#include <cstring>
#include <vector>

Design *Design::first = nullptr;

namespace {

// Cycles written at once.
constexpr size_t CHUNK = 4096;

// As icepop.sim.native.simulation packs it.
struct Header {
    uint64_t words, beats, outputs, patience, limit, tail, polite, period, streams, row;
};

struct Stimulus {
    Header header;
    std::vector<uint8_t> offer, accept;  // whether the stream may move, in each cycle of the period
    std::vector<uint64_t> retract;       // XORed to a beat, it makes it invalid and its payload wrong
    std::vector<uint64_t> idle;          // inputs when all beats are given
    std::vector<uint64_t> beats;         // inputs that offer each beat

    Stimulus() {
        read(&header, 1);
        fill(offer, header.period);
        fill(accept, header.period);
        fill(retract, header.words);
        fill(idle, header.words);
        fill(beats, header.words * header.beats);
    }

private:
    template <class T>
    static void read(T *data, size_t count) {
        if (std::fread(data, sizeof(T), count, stdin) != count) {
            std::fprintf(stderr, "error: the stimulus is cut off\n");
            std::exit(1);
        }
    }

    template <class T>
    static void fill(std::vector<T> &data, size_t count) {
        data.resize(count);
        read(data.data(), count);
    }
};

// What happened in a cycle.
struct Events {
    bool given, taken, offered, moved;

    Events(const uint8_t *flags, size_t streams) {
        const auto pair = [&](size_t k) { return flags[k / 4] >> 2 * (k % 4) & 3; };
        const auto last = pair(streams - 1);
        given = pair(0) == 3;
        taken = last == 3;
        offered = last & 1;
        moved = false;
        for (size_t k = 0; k < streams; k += 4) moved |= (flags[k / 4] & flags[k / 4] >> 1 & 0x55) != 0;
    }
};

class Driver {
public:
    std::vector<uint64_t> inputs;  // of the current cycle

    explicit Driver(const Stimulus &stimulus)
        : inputs(stimulus.header.words), stimulus(stimulus), header(stimulus.header), left(header.tail) {
        decide();
    }

    // Go to the next cycle, and tell whether there is one.
    bool step(const Events &events) {
        if (events.given) {
            position++;
            offering = false;
        }
        taken += events.taken;
        offered = events.offered && !events.taken;
        idle = events.moved ? 0 : idle + 1;
        if (++phase == header.period) phase = 0;
        if (taken >= header.outputs) left = (events.moved ? header.tail : left) - 1;
        decide();
        return left > 0 && idle < header.patience && ++cycles < header.limit;
    }

private:
    const Stimulus &stimulus;
    const Header &header;
    uint64_t left;
    uint64_t position = 0, taken = 0, idle = 0, phase = 0, cycles = 0;
    bool offering = false, offered = false;

    bool ready() const {
        const bool waits = header.polite && taken % header.polite == header.polite - 1;
        return stimulus.accept[phase] && (offered || !waits);
    }

    void decide() {
        if (position < header.beats) {
            offering |= stimulus.offer[phase] != 0;
            const uint64_t *beat = &stimulus.beats[position * header.words];
            for (size_t k = 0; k < header.words; k++) inputs[k] = offering ? beat[k] : beat[k] ^ stimulus.retract[k];
        } else {
            inputs = stimulus.idle;
        }
        inputs[0] |= ready();
    }
};

std::unique_ptr<Model> model(const char *name) {
    for (const Design *design = Design::first; design; design = design->next)
        if (std::strcmp(design->name, name) == 0) return design->make();
    std::fprintf(stderr, "error: there is no design %s in this bench\n", name);
    std::exit(1);
}

}  // namespace

int main(int argc, char **argv) {
    const auto design = model(argc > 1 ? argv[1] : "");
    const Stimulus stimulus;
    const size_t row = stimulus.header.row;
    Driver driver(stimulus);
    std::vector<uint8_t> rows(CHUNK * row);
    const auto started = std::chrono::steady_clock::now();
    for (bool going = true; going;) {
        size_t count = 0;
        while (going && count < CHUNK) {
            uint8_t *seen = &rows[row * count++];
            design->settle(driver.inputs.data(), seen, row);
            design->tick();
            going = driver.step(Events(seen, stimulus.header.streams));
        }
        if (std::fwrite(rows.data(), row, count, stdout) != count) return 1;
    }
    if (std::fflush(stdout)) return 1;
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - started;
    std::fprintf(stderr, "%.6f\n", seconds.count());
}
