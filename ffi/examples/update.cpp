// update.cpp: installs a firmware image in a security key.
//
//     update [--reinstall] [--allow-older] IMAGE [KEY]
//
// KEY is a serial number, whole or in part, a model or a path; without it, the only key that can be updated is meant. Whose
// images are taken is for this machine to say (/etc/crescendo/firmware-keys.d). Ctrl-C cancels where that leaves the key well;
// the same command, given again, goes on there. The exit status is 0 once the new firmware runs for good, 130 after a Ctrl-C,
// 2 where it was called wrongly, and 1 for whatever else went wrong.

#include <crescendo.hpp>

#include <csignal>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string_view>
#include <vector>

namespace {

// A signal handler may do no more than this; the library asks for it whenever it tells how far it is.
volatile std::sig_atomic_t interrupted = 0;

int failed(const crescendo::failure &why)
{
    std::cerr << "update: " << why.message << '\n';
    // Where more than one key may be meant, and where none goes by that name.
    for (const crescendo::candidate &key : why.candidates)
        std::cerr << "  " << key.name << ' ' << key.id << " at " << key.reader << '\n';
    return why.status == CRESCENDO_STATUS_CANCELLED ? 130 : 1;
}

void show(const crescendo_security_key &key)
{
    using crescendo::view;
    std::cout << view(key.path) << ": ";
    if (key.problem.data)
        std::cout << view(key.problem);
    else if (!key.updatable)
        std::cout << "a FIDO key; its firmware cannot be updated by this program";
    else
        std::cout << view(key.model) << ' ' << view(key.version) << ", serial " << view(key.serial)
                  << (key.mode == CRESCENDO_KEY_MODE_UPDATE ? ", in update mode" : "");
    std::cout << '\n';
}

// Called several times a second. What it returns says whether to go on; when that is no longer possible, it is told all the same.
bool tell(const crescendo_progress &now)
{
    static crescendo_step before = CRESCENDO_STEP_FINDING;
    const char *const start = now.step == before ? "\r" : "\n";
    before = now.step;
    switch (now.step) {
    case CRESCENDO_STEP_PRESS_BUTTON:
        std::cout << start << "press the button of the key: " << (now.left_ms + 999) / 1000 << " s left ";
        break;
    case CRESCENDO_STEP_WRITING:
        std::cout << start << now.percent << " %: " << now.done << " of " << now.total << " bytes; leave the key plugged in ";
        break;
    default:
        std::cout << start << now.percent << " % ";
    }
    std::cout << std::flush;
    return !interrupted;
}

} // namespace

int main(int count, char **words)
{
    crescendo::update_options options;
    std::vector<const char *> names;
    for (const std::string_view word : std::vector<std::string_view>(words + 1, words + count)) {
        if (word == "--reinstall")
            options.reinstall = true;
        else if (word == "--allow-older")
            options.allow_older = true;
        else
            names.push_back(word.data());
    }
    if (names.empty() || names.size() > 2 || !crescendo::fits()) {
        std::cerr << "usage: update [--reinstall] [--allow-older] IMAGE [KEY]\n";
        return 2;
    }

    std::ifstream file(names[0], std::ios::binary);
    const std::vector<std::uint8_t> bytes(std::istreambuf_iterator<char>(file), {});
    if (!file) {
        std::cerr << "update: " << names[0] << " cannot be read\n";
        return 1;
    }

    // The machine, the image, the keys: each is freed by itself at the end.
    const auto machine = crescendo::context::create();
    if (!machine)
        return failed(machine.error());
    const auto image = machine->image_open(bytes);
    if (!image)
        return failed(image.error());
    const auto description = image->describe();
    if (!description)
        return failed(description.error());
    std::cout << "image: " << crescendo::view((*description)->model) << ' ' << crescendo::view((*description)->version)
              << ", signed by somebody whom this machine trusts\n";
    const auto keys = machine->security_keys_list();
    if (!keys)
        return failed(keys.error());
    for (const crescendo_security_key &key : *keys)
        show(key);

    std::signal(SIGINT, [](int) { interrupted = 1; });
    crescendo::callbacks person;
    person.tell = tell;
    const auto done = machine->update(*image, names.size() == 2 ? names[1] : nullptr, options, person);
    std::cout << '\n';
    if (!done)
        return failed(done.error());
    std::cout << crescendo::view((*done)->model) << ", serial " << crescendo::view((*done)->serial) << ": firmware "
              << crescendo::view((*done)->version) << " runs, before it " << crescendo::view((*done)->before) << '\n';
    return 0;
}
