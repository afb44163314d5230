// The file of mixed.cpp's program that is compiled with -fno-exceptions: the same calls.

#include <crescendo.hpp>

#include "check.hpp"

/// The caller keeps the device.
void without(const crescendo::callbacks &person, crescendo_device *lent);
void without(const crescendo::callbacks &person, crescendo_device *lent)
{
    crescendo::device device(lent);
    device.authenticate({}, person).value();
    check(device.release() == lent);
    const auto machine = crescendo::context::create().value();
    check(machine.device_open("nobody").status() == CRESCENDO_STATUS_NO_SUCH_DEVICE);
    machine.device_open().value();
}
