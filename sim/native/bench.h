// What a compiled design provides to the bench.

#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

// One design in the state after reset, between two clock edges.
class Model {
public:
    virtual ~Model() = default;

    // Apply the inputs (bit 0 of the first word is bit 0 of `drive`) and write the settled `seen`, `size` bytes.
    virtual void settle(const uint64_t *inputs, uint8_t *row, size_t size) = 0;

    // Go through a rising clock edge.
    virtual void tick() = 0;
};

// A design under the name that selects it; those in an executable form a list.
struct Design {
    const char *name;
    std::unique_ptr<Model> (*make)();
    Design *next;

    static Design *first;

    Design(const char *name, std::unique_ptr<Model> (*make)()) : name(name), make(make), next(first) { first = this; }
};

template <class T>
std::unique_ptr<Model> make_model() {
    return std::make_unique<T>();
}
