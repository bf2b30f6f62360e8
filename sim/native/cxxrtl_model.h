// A design as CXXRTL writes it, as a `Model`. It includes nothing of CXXRTL: the design's code comes first.

#pragma once

#include "bench.h"

#include <cstring>

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
