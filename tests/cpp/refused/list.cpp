// The list of a result that nothing keeps.

#include <crescendo.hpp>

int main()
{
    const auto machine = crescendo::context::create();
#if defined CRESCENDO_EXCEPTIONS && defined NAMED
    const auto devices = machine.devices_list(false);
    for (auto &it : devices.list())
#elif defined CRESCENDO_EXCEPTIONS
    for (auto &it : machine.devices_list(false).list())
#elif defined NAMED
    const auto devices = machine->devices_list(false);
    for (auto &it : devices->list())
#else
    for (auto &it : machine->devices_list(false)->list())
#endif
        if (it.problem.data)
            return 1;
}
