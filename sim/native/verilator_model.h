// A design as Verilator writes it, as a `Model`.

#pragma once

#include "bench.h"

#include <cstring>

#include "verilated.h"

template <class Top>
class VerilatorModel : public Model {
public:
    void settle(const uint64_t *inputs, uint8_t *row, size_t size) override {
        top.clk = 0;
        std::memcpy(&top.drive, inputs, sizeof(top.drive));
        top.eval();
        std::memcpy(row, &top.seen, size);
    }

    void tick() override {
        top.clk = 1;
        top.eval();
    }

private:
    VerilatedContext context;
    Top top{&context};
};
