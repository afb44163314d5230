// crescendo.hpp without exceptions of its own: what calls give, and what becomes of what callbacks throw.

#include <crescendo.hpp>
#include <crescendo.hpp>

#include "check.hpp"

#include <chrono>
#include <thread>

using namespace std::chrono_literals;

static void lists_are_gone_through(const crescendo::context &machine)
{
    std::size_t seen = 0;
    for (const crescendo_summary &it : machine.devices_list(true).value()) {
        check(!crescendo::view(it.name).empty() && crescendo::view(it.problem).data() == nullptr);
        seen++;
    }
    auto devices = machine.devices_list(false).value();
    check(devices.size() == seen && !devices.empty() && &devices[0] == &*devices.begin());
    check(std::distance(devices.begin(), devices.end()) == static_cast<std::ptrdiff_t>(seen));

    auto changed = machine.devices_wait(devices->mark, 1ms);
    check(changed && !*changed);
}

static void failures_are_copies(const crescendo::context &machine)
{
    auto none = machine.device_open("nobody");
    check(!none && none.status() == CRESCENDO_STATUS_NO_SUCH_DEVICE);
    crescendo::failure why = none.error();
    // The last error is another one now.
    check(machine.devices_list(false).has_value());
    check(why.message.find("nobody") != std::string::npos && !why.candidates.empty());
    check(!why.candidates[0].reader.empty() && !why.thrown);
    try {
        none.value();
        check(false);
    } catch (const crescendo::error &caught) {
        check(caught.status() == CRESCENDO_STATUS_NO_SUCH_DEVICE && caught.what() == why.message);
    }
}

static void a_person_is_asked(const crescendo::device &device)
{
    // Nobody is there to be asked.
    check(device.authenticate().status() == CRESCENDO_STATUS_NO_CALLBACK);

    int asked = 0;
    crescendo::callbacks person;
    person.ask = [&](const crescendo_question &question, crescendo::answer &answer) {
        check(question.kind == CRESCENDO_QUESTION_KIND_PIN);
        check((crescendo::view(question.problem).data() != nullptr) == (asked > 0));
        check(!answer.set("\xff"));
        // The first can be no PIN, so that it costs no try.
        return answer.set(asked++ == 0 ? std::string_view() : "123456");
    };
    check(device.authenticate({}, person).has_value() && asked == 2);

    crescendo::callbacks nobody;
    nobody.ask = [](const crescendo_question &, crescendo::answer &) { return false; };
    check(device.authenticate(nullptr, nobody).status() == CRESCENDO_STATUS_CANCELLED);

    auto wrong = device.authenticate("654321");
    check(wrong.status() == CRESCENDO_STATUS_WRONG_PIN && wrong.error().tries == 5);
    // An empty text is one: nobody is asked for another.
    check(device.authenticate(std::string_view(), person).status() == CRESCENDO_STATUS_PIN_FORMAT && asked == 2);
    check(device.authenticate(std::string("123456")).has_value());
}

static void what_a_callback_throws_comes_out(const crescendo::device &device)
{
    crescendo::callbacks throwing;
    throwing.ask = [](const crescendo_question &, crescendo::answer &) -> bool { throw 42; };
    auto given_up = device.authenticate({}, throwing);
    check(given_up.status() == CRESCENDO_STATUS_CANCELLED && given_up.error().thrown);
    try {
        given_up.value();
        check(false);
    } catch (int thrown) {
        check(thrown == 42);
    }
}

static void waiting_ends(const crescendo::context &machine)
{
    auto mark = machine.devices_list(false).value()->mark;
    auto ending = crescendo::cancel::create();
    check(static_cast<bool>(ending));
    crescendo::callbacks waiting;
    waiting.cancel = &ending;
    std::thread other([&] {
        std::this_thread::sleep_for(20ms);
        ending.now();
    });
    check(machine.devices_wait(mark, {}, waiting).status() == CRESCENDO_STATUS_CANCELLED);
    other.join();

    int told = 0;
    crescendo::callbacks telling;
    telling.tell = [&](const crescendo_progress &progress) {
        check(progress.step == CRESCENDO_STEP_WAITING && progress.percent == -1);
        return ++told < 2;
    };
    check(machine.devices_wait(mark, 10s, telling).status() == CRESCENDO_STATUS_CANCELLED && told == 2);
}

static void handles_move(const crescendo::context &machine)
{
    crescendo::device first = machine.device_open().value();
    crescendo_device *raw = first.get();
    crescendo::device second = std::move(first);
    check(!first && second.get() == raw);
    first = std::move(second);
    check(first.get() == raw && !second);
    second = crescendo::device(first.release());
    check(second.summary().value()->state == CRESCENDO_STATE_RECOGNISED && !first);
    // A moved one is refused, and nothing else.
    check(first.let_go().status() == CRESCENDO_STATUS_NULL_POINTER && second.let_go().has_value());
    static_assert(!std::is_copy_constructible_v<crescendo::device> && !std::is_copy_assignable_v<crescendo::device>);
    static_assert(std::is_nothrow_move_constructible_v<crescendo::device>);
}

void throwing(const crescendo_context *machine);

int main()
{
    check(crescendo::fits() && !crescendo::version().empty());
    auto machine = crescendo::context::create();
    check(machine.has_value());
    lists_are_gone_through(*machine);
    failures_are_copies(*machine);
    auto device = machine->device_open();
    check(device.has_value());
    a_person_is_asked(*device);
    what_a_callback_throws_comes_out(*device);
    waiting_ends(*machine);
    handles_move(*machine);
    throwing(machine->get());
    std::puts("end");
}
