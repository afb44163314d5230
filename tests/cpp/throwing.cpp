// crescendo.hpp with exceptions, in the same program as a file without them.

#define CRESCENDO_EXCEPTIONS
#include <crescendo.hpp>

#include "check.hpp"

template <class E, class F> static E thrown(F call)
{
    try {
        call();
    } catch (const E &caught) {
        return caught;
    }
    std::puts("nothing was thrown");
    std::abort();
}

/// `here` lends its context, and keeps it.
void throwing(const crescendo_context *here);
void throwing(const crescendo_context *here)
{
    crescendo::context machine = crescendo::context::create();
    check(machine.get() != here);
    for (const crescendo_summary &it : machine.devices_list(true))
        check(!crescendo::view(it.name).empty());

    crescendo::error none = thrown<crescendo::error>([&] { return machine.device_open("nobody"); });
    check(none.status() == CRESCENDO_STATUS_NO_SUCH_DEVICE && !none.why().candidates.empty());
    check(std::string(thrown<std::runtime_error>([&] { return machine.device_open("nobody"); }).what()) == none.what());

    crescendo::device device = machine.device_open();
    check(thrown<crescendo::error>([&] { device.authenticate("654321"); }).tries() == 5);
    device.authenticate("123456");

    crescendo::callbacks person;
    person.ask = [](const crescendo_question &, crescendo::answer &) -> bool { throw std::string("in the callback"); };
    check(thrown<std::string>([&] { device.authenticate({}, person); }) == "in the callback");

    // Nobody is told any more once that has thrown.
    auto mark = machine.devices_list(false)->mark;
    int told = 0;
    person.tell = [&](const crescendo_progress &) -> bool { told++; throw 42; };
    check(thrown<int>([&] { return machine.devices_wait(mark, std::chrono::seconds(5), person); }) == 42 && told == 1);
}
