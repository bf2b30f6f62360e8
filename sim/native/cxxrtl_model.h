// A design as CXXRTL writes it, as a `Model`.

#pragma once

#include "bench.h"

#include <cstring>

#include <cxxrtl/cxxrtl.h>

namespace cxxrtl {

// For a design that settles in one evaluation: its registers are always taken to have changed. To find out, and to branch
// on it, takes longer than to copy them.
template <size_t Bits>
struct register_wire : wire<Bits> {
    using wire<Bits>::wire;

    template <class Observer>
    bool commit(Observer &) {
        this->curr = this->next;
        return true;
    }
};

}  // namespace cxxrtl

template <class Top>
class CxxrtlModel : public Model {
public:
    void settle(const uint64_t *inputs, uint8_t *row, size_t size) override {
        static_assert(sizeof(Top::p_drive.data) % sizeof(uint32_t) == 0);
        std::memcpy(top.p_drive.data, inputs, sizeof(top.p_drive.data));
        if (acyclic) {
            // this computes what is seen in this cycle and the registers' values of the next; `tick` puts them in place
            top.prev_p_clk.data[0] = 0;
            top.p_clk.data[0] = 1;
            top.eval();
        } else {
            top.p_clk.data[0] = 0;
            top.step();
        }
        std::memcpy(row, top.p_seen.data, size);
    }

    void tick() override {
        if (acyclic) {
            top.commit();
        } else {
            top.p_clk.data[0] = 1;
            top.step();
        }
    }

private:
    Top top;
    // no wire depends on itself, not even some of its bits on others: one evaluation settles everything
    const bool acyclic = top.eval();
};
