// A file with exceptions, in the same program as one without: what a callback throws still comes out of the call.

#include <crescendo.hpp>

#include "check.hpp"

void without(const crescendo::callbacks &person, crescendo_device *lent);

int main()
{
    const auto machine = crescendo::context::create().value();
    auto device = machine.device_open().value();
    crescendo::callbacks person;
    person.ask = [](const crescendo_question &, crescendo::answer &answer) { return answer.set("123456"); };
    without(person, device.get());

    person.ask = [](const crescendo_question &, crescendo::answer &) -> bool { throw 42; };
    const auto given_up = device.authenticate({}, person);
    check(given_up.status() == CRESCENDO_STATUS_CANCELLED && given_up.error().thrown);
    try {
        given_up.value();
        check(false);
    } catch (int thrown) {
        check(thrown == 42);
    }
    try {
        machine.device_open("nobody").value();
        check(false);
    } catch (const crescendo::error &why) {
        check(why.status() == CRESCENDO_STATUS_NO_SUCH_DEVICE);
    }
    std::puts("end");
}
