// crescendo.hpp under -fno-exceptions -fno-rtti.

#include <crescendo.hpp>

#include "check.hpp"

int main()
{
    auto machine = crescendo::context::create();
    check(machine.has_value());
    auto device = machine->device_open();
    check(device.has_value());
    crescendo::callbacks person;
    person.ask = [](const crescendo_question &, crescendo::answer &answer) { return answer.set("123456"); };
    check(device->authenticate({}, person).has_value());
    check(device->authenticate("654321").error().tries == 5);
    std::puts("end");
    std::fflush(stdout);
    // Ends the program.
    machine->device_open("nobody").value();
}
