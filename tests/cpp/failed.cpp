// What becomes of a program that takes what a failed call made: nothing.

#include <crescendo.hpp>

#include "check.hpp"

#include <csignal>

int main(int, char **words)
{
    // A signal of its own, so that no other way to end is taken for it.
    std::signal(SIGABRT, [](int) {
        std::puts("aborted");
        std::fflush(stdout);
        std::_Exit(0);
    });
    const auto machine = crescendo::context::create();
    check(machine.has_value());
    const auto none = machine->device_open("nobody");
    const std::string_view how = words[1];
    if (how == "*")
        return (*none).get() != nullptr;
    if (how == "->")
        return none->get() != nullptr;
    std::puts(none ? "opened" : "end");
}
